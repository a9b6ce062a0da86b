/** torchlint in VS Code: a client of `torchlint server`, a status item, and commands. */
import { randomBytes } from "node:crypto";
import * as path from "node:path";
import * as vscode from "vscode";

import { onInterpreterChosen } from "./python";
import { Server } from "./server";
import { page, shown, type State } from "./words";

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
    const log = vscode.window.createOutputChannel("torchlint", { log: true });
    const running = new Server(path.join(context.extensionPath, "dist"), log);
    server = running;
    context.subscriptions.push(
        log,
        running,
        showStatus(running),
        vscode.commands.registerCommand("torchlint.restart", () => running.restart()),
        vscode.commands.registerCommand("torchlint.showLog", () => {
            log.show(true);
        }),
        vscode.commands.registerCommand("torchlint.showDataPath", () => carriedOut(() => showDataPath(running))),
        vscode.commands.registerCommand("torchlint.explainRule", (code?: unknown) =>
            carriedOut(() => explainRule(running, code)),
        ),
        vscode.workspace.onDidGrantWorkspaceTrust(() => running.restart()),
        vscode.workspace.onDidChangeConfiguration(async (event) => {
            if (event.affectsConfiguration("torchlint.interpreter")) await running.restart();
        }),
    );
    await running.restart();
    try {
        const follow = await onInterpreterChosen(() => void running.reconsider());
        if (follow !== undefined) context.subscriptions.push(follow);
    } catch (error) {
        log.warn(`the Python extension cannot be followed: ${String(error)}`);
    }
}

export async function deactivate(): Promise<void> {
    await server?.stop();
}

/** The item of the status bar. */
function showStatus(running: Server): vscode.Disposable {
    const item = vscode.window.createStatusBarItem("torchlint", vscode.StatusBarAlignment.Left);
    item.name = "torchlint";
    let state: State = { kind: "starting" };
    const show = (): void => {
        const { text, tooltip, command, bad } = shown(state, findings());
        item.text = text;
        item.tooltip = tooltip;
        item.accessibilityInformation = { label: tooltip };
        item.command = command;
        item.backgroundColor = bad ? new vscode.ThemeColor("statusBarItem.errorBackground") : undefined;
        item.show();
    };
    show();
    const follow = running.onState((now) => {
        state = now;
        show();
    });
    return vscode.Disposable.from(item, follow, vscode.languages.onDidChangeDiagnostics(show));
}

function findings(): number {
    const all = vscode.languages.getDiagnostics().flatMap(([, some]) => some);
    return all.filter((one) => one.source === "torchlint").length;
}

/** Do what a command asks for; what goes wrong is said. */
async function carriedOut(work: () => Promise<void>): Promise<void> {
    try {
        await work();
    } catch (error) {
        void vscode.window.showErrorMessage(`torchlint: ${error instanceof Error ? error.message : String(error)}`);
    }
}

// --- data paths ----------------------------------------------------------------------------------------------------

let panel: vscode.WebviewPanel | undefined;

/** Show the way of the data through the line of the cursor, or else through its file. */
async function showDataPath(running: Server): Promise<void> {
    const editor = vscode.window.activeTextEditor;
    if (editor === undefined) throw new Error("put the cursor into Python code first");
    const { line } = editor.selection.active;
    const uri = running.uri(editor.document);
    interface Picture {
        readonly text: string;
        readonly svg: string | null;
    }
    let place = `:${line + 1}`;
    let picture = await running.carryOut<Picture>("torchlint.dataPath", uri, line);
    if (picture.svg === null) {
        const whole = await running.carryOut<Picture>("torchlint.dataPath", uri, null);
        if (whole.svg !== null) [picture, place] = [whole, ""];
    }
    const title = `Data path: ${path.basename(editor.document.uri.path)}${place}`;
    if (panel === undefined) {
        panel = vscode.window.createWebviewPanel(
            "torchlint.dataPath",
            title,
            { viewColumn: vscode.ViewColumn.Beside, preserveFocus: true },
            { enableScripts: false, enableFindWidget: true, localResourceRoots: [] },
        );
        panel.onDidDispose(() => {
            panel = undefined;
        });
    } else {
        panel.reveal(undefined, true);
    }
    panel.title = title;
    panel.webview.html = page(title, picture.text, picture.svg, randomBytes(16).toString("hex"));
}

// --- rules ---------------------------------------------------------------------------------------------------------

/** Show the page of a rule: of the one that is named, or that has found something in the line of the cursor. */
async function explainRule(running: Server, named: unknown): Promise<void> {
    const code = typeof named === "string" ? named : await chooseRule();
    if (code !== undefined) await running.carryOut("torchlint.explain", code);
}

async function chooseRule(): Promise<string | undefined> {
    const editor = vscode.window.activeTextEditor;
    const here = editor === undefined ? [] : vscode.languages.getDiagnostics(editor.document.uri);
    const codes = here
        .filter((one) => one.source === "torchlint" && editor?.selection.intersection(one.range) !== undefined)
        .map((one) => String(typeof one.code === "object" ? one.code.value : one.code));
    const different = [...new Set(codes)].sort();
    if (different.length > 1) return vscode.window.showQuickPick(different, { title: "Which rule?" });
    return different[0] ?? (await vscode.window.showInputBox({ title: "Code or name of a rule", placeHolder: "TL101" }));
}
