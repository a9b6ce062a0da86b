/**
 * A real editor: code-server in a process of its own, and windows of it in Chromium without a screen.
 *
 * What is needed is told by the environment: TORCHLINT_CODE_SERVER (its entry.js), TORCHLINT_CHROMIUM (the browser),
 * TORCHLINT_PYTHON (an interpreter that has torchlint), TORCHLINT_VSIX (the packed extension), and, if pictures are
 * wanted, TORCHLINT_SCREENSHOTS (a folder).
 */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";

import { type BrowserContext, chromium, type Frame, type Locator, type Page } from "playwright-core";

const PATIENCE = 60_000;

const FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];

/** Settings of every window: nothing moves, and nothing is in the way. */
const CALM = {
    "telemetry.telemetryLevel": "off",
    "workbench.startupEditor": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.reduceMotion": "on",
    "workbench.tips.enabled": false,
    "workbench.enableExperiments": false,
    "workbench.colorTheme": "Default Light Modern",
    "window.autoDetectColorScheme": false,
    "extensions.autoCheckUpdates": false,
    "extensions.autoUpdate": false,
    "extensions.ignoreRecommendations": true,
    "editor.minimap.enabled": false,
    "editor.cursorBlinking": "solid",
    "editor.stickyScroll.enabled": false,
    "files.autoSave": "off",
    "git.enabled": false,
    "security.workspace.trust.enabled": false,
    "security.workspace.trust.startupPrompt": "never",
};

export function needed(name: string): string {
    const value = process.env[name];
    assert.ok(value !== undefined && value !== "", `${name} must be set: see window.ts`);
    return value;
}

/** Wait until something is so. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    const end = Date.now() + PATIENCE;
    while (!(await isSo())) {
        assert.ok(Date.now() < end, `not so within ${PATIENCE} ms: ${isSo.toString()}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}

/** Write the settings of a folder; windows that show it hear of it. */
export function setFolder(folder: string, settings: Record<string, unknown>): void {
    mkdirSync(path.join(folder, ".vscode"), { recursive: true });
    writeFileSync(path.join(folder, ".vscode", "settings.json"), JSON.stringify(settings));
}

/** code-server, and the browser that shows it. */
export class Editor {
    private constructor(
        readonly folder: string,
        private readonly server: ChildProcess,
        private readonly address: string,
        private readonly context: BrowserContext,
    ) {}

    static async start(): Promise<Editor> {
        const folder = mkdtempSync(path.join(tmpdir(), "torchlint-editor-"));
        const data = path.join(folder, "data");
        mkdirSync(path.join(folder, "home"));
        const places = ["--config", path.join(folder, "config.yaml"), "--user-data-dir", data];
        const entry = [needed("TORCHLINT_CODE_SERVER"), ...places, "--extensions-dir", path.join(folder, "extensions")];
        const env = {
            ...process.env,
            HOME: path.join(folder, "home"),
            XDG_CONFIG_HOME: path.join(folder, "home", "config"),
            CHOSEN_INTERPRETER: path.join(folder, "chosen"),
        };
        for (const extension of [needed("TORCHLINT_VSIX"), pythonExtension(path.join(folder, "python-extension"))]) {
            execFileSync(process.execPath, [...entry, "--install-extension", extension], { env, stdio: "pipe" });
        }
        const flags = ["--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry", "--disable-update-check"];
        const server = spawn(process.execPath, [...entry, ...flags, "--disable-getting-started-override"], {
            env,
            stdio: ["ignore", "pipe", "pipe"],
        });
        const address = await listening(server);
        const context = await chromium.launchPersistentContext(path.join(folder, "profile"), {
            executablePath: needed("TORCHLINT_CHROMIUM"),
            headless: true,
            args: FLAGS,
            viewport: { width: 1280, height: 800 },
            permissions: ["clipboard-read", "clipboard-write"],
        });
        context.setDefaultTimeout(PATIENCE);
        const editor = new Editor(folder, server, address, context);
        editor.set({});
        return editor;
    }

    /**
     * Write the user's settings; windows that are opened afterwards have them. Those of torchlint are of the machine on
     * which it runs, where the editor reads what depends on the machine.
     */
    set(settings: Record<string, unknown>): void {
        const own = Object.entries({ "torchlint.interpreter": needed("TORCHLINT_PYTHON"), ...settings });
        const isOurs = ([name]: [string, unknown]): boolean => name.startsWith("torchlint.");
        const others = { ...CALM, ...Object.fromEntries(own.filter((one) => !isOurs(one))) };
        for (const [place, some] of [["User", others], ["Machine", Object.fromEntries(own.filter(isOurs))]] as const) {
            const folder = path.join(this.folder, "data", place);
            mkdirSync(folder, { recursive: true });
            writeFileSync(path.join(folder, "settings.json"), JSON.stringify(some));
        }
    }

    /** Have the Python extension choose an interpreter; open windows hear of it by its command. */
    choose(interpreter: string): void {
        writeFileSync(path.join(this.folder, "chosen"), interpreter);
    }

    /** A folder with these files. */
    project(name: string, files: Record<string, string>): string {
        const folder = path.join(this.folder, name);
        for (const [file, text] of Object.entries(files)) {
            mkdirSync(path.dirname(path.join(folder, file)), { recursive: true });
            writeFileSync(path.join(folder, file), text);
        }
        return folder;
    }

    /** A window that shows a folder, with files of it open. */
    async window(folder: string, ...files: string[]): Promise<Window> {
        const page = await this.context.newPage();
        const opened = files.map((file) => ["openFile", `vscode-remote://${new URL(this.address).host}${path.join(folder, file)}`]);
        const query = new URLSearchParams({ folder, payload: JSON.stringify(opened) });
        await page.goto(`${this.address}?${query.toString()}`);
        const window = new Window(page);
        await window.says(/^torchlint/);
        return window;
    }

    /** Do something in a window of its own, in which the user has these settings. */
    async within(
        settings: Record<string, unknown>,
        folder: string,
        file: string,
        work: (window: Window) => Promise<void>,
    ): Promise<void> {
        this.set(settings);
        const window = await this.window(folder, file);
        try {
            await work(window);
        } catch (error) {
            await window.picture(`failed ${path.basename(folder)}`);
            throw error;
        } finally {
            await window.close();
            this.set({});
        }
    }

    async close(): Promise<void> {
        await this.context.close();
        const ended = new Promise((resolve) => this.server.once("exit", resolve));
        this.server.kill("SIGTERM");
        await ended;
        rmSync(this.folder, { recursive: true, force: true, maxRetries: 5 });
    }
}

/**
 * A stand-in for the Python extension, packed: it offers as much as torchlint uses, and has chosen the interpreter that
 * stands in a file.
 */
function pythonExtension(folder: string): string {
    const contents = {
        name: "python",
        publisher: "ms-python",
        version: "0.0.1",
        engines: { vscode: "^1.91.0" },
        main: "./main.js",
        contributes: { commands: [{ command: "standIn.choose", title: "Stand-in: Choose Interpreter" }] },
    };
    mkdirSync(folder);
    writeFileSync(path.join(folder, "package.json"), JSON.stringify(contents));
    writeFileSync(
        path.join(folder, "main.js"),
        `const { readFileSync } = require("fs");
        const { commands, EventEmitter, Uri } = require("vscode");
        exports.activate = () => {
            const chosen = new EventEmitter();
            commands.registerCommand("standIn.choose", () => chosen.fire({}));
            return {
                ready: Promise.resolve(),
                environments: {
                    onDidChangeActiveEnvironmentPath: chosen.event,
                    getActiveEnvironmentPath: () => ({ path: readFileSync(process.env.CHOSEN_INTERPRETER, "utf8") }),
                    resolveEnvironment: async ({ path }) => ({ executable: { uri: Uri.file(path) } }),
                },
            };
        };`,
    );
    const packed = path.join(folder, "python.vsix");
    const flags = ["--no-dependencies", "--skip-license", "--allow-missing-repository", "--allow-star-activation"];
    const vsce = require.resolve("@vscode/vsce/vsce");
    execFileSync(process.execPath, [vsce, "package", ...flags, "--out", packed], { cwd: folder, stdio: "pipe" });
    return packed;
}

async function listening(server: ChildProcess): Promise<string> {
    return new Promise((resolve, reject) => {
        let said = "";
        const hear = (piece: Buffer): void => {
            said += piece.toString();
            const found = /listening on (http:\S+)/.exec(said);
            if (found?.[1] !== undefined) resolve(found[1]);
        };
        server.stdout?.on("data", hear);
        server.stderr?.on("data", hear);
        server.once("exit", (status) => {
            reject(new Error(`code-server ended with ${String(status)}: ${said}`));
        });
    });
}

/** A window of the editor. */
export class Window {
    constructor(readonly page: Page) {}

    /** Wait until the item in the status bar says so. */
    async says(words: RegExp): Promise<void> {
        await this.page.waitForFunction(
            (wanted) => {
                const labels = document.querySelectorAll('.statusbar-item[id^="torchlint"] [aria-label]');
                return [...labels].some((one) => new RegExp(wanted).test(one.getAttribute("aria-label") ?? ""));
            },
            words.source,
            { timeout: PATIENCE },
        );
    }

    /** Carry out a command of the palette. */
    async command(title: string): Promise<void> {
        await this.page.keyboard.press("F1");
        const input = this.page.locator(".quick-input-widget input");
        await input.fill(`>${title}`);
        await this.page.locator(".quick-input-list .monaco-list-row.focused", { hasText: title }).waitFor();
        await this.page.keyboard.press("Enter");
        await this.page.locator(".quick-input-widget").waitFor({ state: "hidden" });
    }

    /** Where the first piece of code that reads so stands on the screen. */
    async place(code: string): Promise<{ x: number; y: number }> {
        const found = await this.page.waitForFunction(
            (wanted) => {
                for (const line of document.querySelectorAll(".editor-instance .view-line, .cell-editor-container .view-line")) {
                    const text = line.textContent.replaceAll("\u00a0", " ");
                    let at = text.indexOf(wanted);
                    if (at < 0) continue;
                    at += Math.floor(wanted.length / 2);
                    const pieces = document.createTreeWalker(line, NodeFilter.SHOW_TEXT);
                    for (let piece = pieces.nextNode(); piece !== null; piece = pieces.nextNode()) {
                        const length = piece.textContent?.length ?? 0;
                        if (at < length) {
                            const range = document.createRange();
                            range.setStart(piece, at);
                            range.setEnd(piece, at + 1);
                            const box = range.getBoundingClientRect();
                            return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
                        }
                        at -= length;
                    }
                }
                return null;
            },
            code,
            { timeout: PATIENCE },
        );
        const place = await found.jsonValue();
        assert.ok(place !== null);
        return place;
    }

    /** Put the cursor into a piece of code. */
    async click(code: string): Promise<void> {
        await this.rest();
        const { x, y } = await this.place(code);
        await this.page.mouse.click(x, y);
    }

    /** Move the pointer to where nothing is, and wait until nothing is said any more of where it was. */
    private async rest(): Promise<void> {
        await this.page.mouse.move(0, 0);
        await this.page.waitForFunction(() => document.querySelector(".monaco-hover:not(.hidden)") === null);
    }

    /** What is said of a piece of code when the pointer rests on it. */
    async hover(code: string): Promise<string> {
        await this.rest();
        const { x, y } = await this.place(code);
        await this.page.mouse.move(x - 1, y);
        await this.page.mouse.move(x, y);
        const hover = this.page.locator(".monaco-hover:not(.hidden) .hover-contents");
        await hover.first().waitFor();
        return (await hover.allTextContents()).join("\n").replaceAll("\u00a0", " ");
    }

    /** Wait until the code of the editor has, or has not, a piece that reads so. */
    async reads(code: string, has = true): Promise<void> {
        await this.page.waitForFunction(
            ([wanted, there]) => {
                const lines = [...document.querySelectorAll(".editor-instance .view-line")];
                return lines.some((line) => line.textContent.replaceAll("\u00a0", " ").includes(wanted)) === there;
            },
            [code, has] as const,
            { timeout: PATIENCE },
        );
    }

    /** Wait until so many wavy lines stand below errors. */
    async marks(count: number): Promise<void> {
        await this.page.waitForFunction(
            (wanted) => document.querySelectorAll(".view-overlays .squiggly-error").length === wanted,
            count,
            { timeout: PATIENCE },
        );
    }

    /** What the view of problems lists. */
    problem(words: string): Locator {
        return this.page.locator(".markers-panel .monaco-list-row", { hasText: words });
    }

    /** The frame in which a webview shows its page. */
    async webview(): Promise<Frame> {
        const outer = await this.page.locator("iframe.webview.ready").last().elementHandle();
        const inside = await outer.contentFrame();
        const inner = await inside?.locator("#active-frame").elementHandle();
        const frame = await inner?.contentFrame();
        assert.ok(frame);
        return frame;
    }

    /** Write a picture, if pictures are wanted. */
    async picture(name: string): Promise<void> {
        const folder = process.env["TORCHLINT_SCREENSHOTS"];
        if (folder === undefined || folder === "") return;
        mkdirSync(folder, { recursive: true });
        await this.page.screenshot({ path: path.join(folder, `${name}.png`) });
    }

    async close(): Promise<void> {
        await this.page.close();
    }
}
