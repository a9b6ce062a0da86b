/**
 * The server, from the editor's side: it is found, started, stopped, and its state is told.
 *
 * Invariant: starts and stops never overlap; whatever asks for another start waits for the one that goes on. What goes
 * wrong is told by the state and written to the log; of that only the lack of torchlint is shown to somebody at work.
 */
import { realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import * as vscode from "vscode";
import {
    CloseAction,
    ErrorAction,
    ExecuteCommandRequest,
    LanguageClient,
    type LanguageClientOptions,
    RevealOutputChannelOn,
    type ShowDocumentResult,
    State as Running,
    type WorkDoneProgressBegin,
    type WorkDoneProgressEnd,
    type WorkDoneProgressReport,
} from "vscode-languageclient/node";

import { type Answer, ask, type Candidate, candidates, command, complaint } from "./launch";
import { chosenInterpreter } from "./python";
import type { State } from "./words";

type Progress = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

const WINDOWS = process.platform === "win32";

/** A client that shows no errors of its own. */
class QuietClient extends LanguageClient {
    override error(message: string, data?: unknown): void {
        super.error(message, data, false);
    }
}

export class Server implements vscode.Disposable {
    private client: LanguageClient | undefined;
    private turn: Promise<void> = Promise.resolve();
    private readonly changed = new vscode.EventEmitter<State>();
    private readonly progressing = new Map<string | number, string>();
    /** What somebody can stop is shown by the editor too. */
    private readonly stoppable = new Set<string | number>();
    private used: Candidate | undefined;
    private complained: string | undefined;
    private endings: number[] = [];

    readonly onState = this.changed.event;

    /** `home`: a folder in which nothing lies that Python could import. */
    constructor(
        private readonly home: string,
        private readonly log: vscode.LogOutputChannel,
    ) {}

    /** Start anew. */
    restart(): Promise<void> {
        return this.next(async () => {
            await this.end();
            this.complained = undefined;
            this.endings = [];
            await this.begin();
        });
    }

    /** Start anew if another program would be started now. */
    reconsider(): Promise<void> {
        return this.next(async () => {
            const found = await this.find();
            if (found?.path === this.used?.path && found?.kind === this.used?.kind) return;
            await this.end();
            await this.begin(found);
        });
    }

    stop(): Promise<void> {
        return this.next(() => this.end());
    }

    dispose(): void {
        this.changed.dispose();
    }

    /** Have the server carry out a command. Rejects with the server's reason, or if it does not run. */
    async carryOut<Result>(name: string, ...args: unknown[]): Promise<Result> {
        await this.turn;
        if (this.client === undefined) throw new Error("the server does not run");
        const answer: unknown = await this.client.sendRequest(ExecuteCommandRequest.type, { command: name, arguments: args });
        return answer as Result;
    }

    /** The URI by which the server knows a document. */
    uri(document: vscode.TextDocument): string {
        return this.client?.code2ProtocolConverter.asUri(document.uri) ?? document.uri.toString();
    }

    private next(step: () => Promise<void>): Promise<void> {
        this.turn = this.turn.then(step).catch((error: unknown) => {
            this.fail(error instanceof Error ? error.message : String(error));
        });
        return this.turn;
    }

    private fail(reason: string): void {
        this.log.error(reason);
        this.changed.fire({ kind: "failed", reason });
    }

    // --- which program ---------------------------------------------------------------------------------------------

    /** The first candidate that has torchlint; if there is none, it is said what to do, once. */
    private async find(): Promise<Candidate | undefined> {
        const folders = vscode.workspace.workspaceFolders?.map((one) => one.uri) ?? [];
        const configured = vscode.workspace.getConfiguration("torchlint").get<string | null>("interpreter") ?? null;
        const { found, unknown } = candidates({
            configured,
            chosen: configured === null ? await this.chosen(folders[0]) : undefined,
            folders: folders.map((one) => one.fsPath),
            trusted: vscode.workspace.isTrusted,
            home: homedir(),
            searched: process.env["PATH"] ?? "",
            windows: WINDOWS,
            isFile: (file) => statSync(file, { throwIfNoEntry: false })?.isFile() ?? false,
            real: (file) => {
                try {
                    return realpathSync(file);
                } catch {
                    return file;
                }
            },
        });
        const answers: [Candidate, Answer][] = [];
        for (const candidate of found) {
            const answer = await ask(candidate, this.home);
            if (answer.has === "torchlint") return candidate;
            this.log.info(`${candidate.path} has ${answer.has}${answer.said === "" ? "" : `: ${answer.said}`}`);
            answers.push([candidate, answer]);
        }
        this.complain(complaint(answers, unknown, WINDOWS));
        return undefined;
    }

    private async chosen(folder: vscode.Uri | undefined): Promise<string | undefined> {
        if (!vscode.workspace.isTrusted) return undefined;
        try {
            return await chosenInterpreter(folder);
        } catch (error) {
            this.log.warn(`the Python extension tells no interpreter: ${String(error)}`);
            return undefined;
        }
    }

    private complain({ words, install }: { readonly words: string; readonly install?: string }): void {
        this.fail(words);
        if (this.complained === words) return;
        this.complained = words;
        const copy = "Copy Command";
        const choose = "Choose Interpreter";
        const told = install === undefined ? words : `${words} Install it with: ${install}`;
        const offers = install === undefined ? [choose] : [copy, choose];
        void vscode.window.showErrorMessage(told, ...offers).then(async (chosen) => {
            if (chosen === copy) await vscode.env.clipboard.writeText(install ?? "");
            if (chosen === choose) {
                await vscode.commands.executeCommand("workbench.action.openSettings", "torchlint.interpreter");
            }
        });
    }

    // --- starting and stopping -------------------------------------------------------------------------------------

    private async begin(known?: Candidate): Promise<void> {
        this.changed.fire({ kind: "starting" });
        this.used = known ?? (await this.find());
        if (this.used === undefined) return;
        const { command: program, args } = command(this.used);
        this.log.info(`starting ${[program, ...args].join(" ")}`);
        const client = new QuietClient(
            "torchlint",
            "torchlint",
            { command: program, args, options: { cwd: this.home } },
            this.options(() => {
                void this.next(() => this.afterEnding(client));
            }),
        );
        client.onDidChangeState(({ newState }) => {
            if (newState === Running.Running) this.tell();
        });
        this.client = client;
        await client.start();
    }

    /** Start again what has ended by itself, unless it does so again and again. */
    private async afterEnding(client: LanguageClient): Promise<void> {
        if (this.client !== client) return;
        const now = Date.now();
        this.endings = [...this.endings.filter((time) => now - time < AWHILE), now];
        const again = this.endings.length <= RESTARTS;
        await this.end();
        if (!again) throw new Error(`the server ended ${this.endings.length} times in a few minutes; the log may say why`);
        await this.begin(this.used);
    }

    private async end(): Promise<void> {
        const client = this.client;
        this.client = undefined;
        this.progressing.clear();
        if (client !== undefined) {
            await client.dispose().catch((error: unknown) => {
                this.log.warn(`the server did not stop in order: ${String(error)}`);
            });
        }
        this.changed.fire({ kind: "off" });
    }

    private options(ended: () => void): LanguageClientOptions {
        return {
            documentSelector: [
                { scheme: "file", language: "python" },
                { scheme: "untitled", language: "python" },
                { notebook: "jupyter-notebook", language: "python" },
            ],
            outputChannel: this.log,
            revealOutputChannelOn: RevealOutputChannelOn.Never,
            initializationOptions: () => ({
                settings: JSON.parse(JSON.stringify(vscode.workspace.getConfiguration("torchlint"))) as unknown,
                trusted: vscode.workspace.isTrusted,
            }),
            initializationFailedHandler: () => false,
            errorHandler: {
                error: (error, _, count) => {
                    this.log.error(error);
                    return { action: (count ?? 0) > 3 ? ErrorAction.Shutdown : ErrorAction.Continue, handled: true };
                },
                closed: () => {
                    ended();
                    return { action: CloseAction.DoNotRestart, handled: true };
                },
            },
            middleware: {
                handleWorkDoneProgress: (token, value, next) => {
                    this.progress(token, value);
                    if (value.kind === "begin" && value.cancellable === true) this.stoppable.add(token);
                    if (this.stoppable.has(token)) next(token, value);
                    if (value.kind === "end") this.stoppable.delete(token);
                },
                window: { showDocument: showPage },
            },
        };
    }

    // --- what it does ----------------------------------------------------------------------------------------------

    private progress(token: string | number, value: Progress): void {
        if (value.kind === "end") this.progressing.delete(token);
        else this.progressing.set(token, value.message ?? "");
        this.tell();
    }

    private tell(): void {
        const [message] = this.progressing.values();
        this.changed.fire(message === undefined ? { kind: "ready" } : { kind: "analysing", message });
    }
}

/** How often the server is started again within how many milliseconds, if it ends by itself. */
const RESTARTS = 3;
const AWHILE = 3 * 60 * 1000;

/** Show a document that the server wants to have shown; a rule's page is shown as it is meant to be read. */
async function showPage(
    params: { readonly uri: string; readonly external?: boolean },
    token: vscode.CancellationToken,
    next: (params: { uri: string; external?: boolean }, token: vscode.CancellationToken) => unknown,
): Promise<ShowDocumentResult> {
    if (params.external !== true && params.uri.endsWith(".md")) {
        await vscode.commands.executeCommand("markdown.showPreview", vscode.Uri.parse(params.uri, true));
        return { success: true };
    }
    return (await next(params, token)) as ShowDocumentResult;
}
