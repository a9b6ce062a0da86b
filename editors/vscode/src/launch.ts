/**
 * With which program the server is started.
 *
 * Definitions
 *   candidate  a Python that may have torchlint, or the program `torchlint` itself
 *   chosen     the interpreter that the Python extension has chosen for the workspace
 *
 * Invariant: in a workspace that is not trusted nothing is run that lies in it, however it was found.
 *
 * Worked example: nothing is configured, the Python extension has chosen `/srv/app/.venv/bin/python`, and the workspace
 * `/srv/app` is trusted. The candidates are that one, `/usr/bin/python3`, and `~/.local/bin/torchlint` if it is there;
 * the first that has torchlint is used. Were the workspace not trusted, the first would not be among them.
 */
import { execFile } from "node:child_process";
import * as path from "node:path";

export interface Candidate {
    readonly kind: "python" | "program";
    readonly path: string;
}

/** What decides on the candidates. `real` gives a path without links, or the path itself where nothing is there. */
export interface Surroundings {
    readonly configured: string | null;
    readonly chosen: string | undefined;
    readonly folders: readonly string[];
    readonly trusted: boolean;
    readonly home: string;
    readonly searched: string;
    readonly windows: boolean;
    readonly isFile: (file: string) => boolean;
    readonly real: (file: string) => string;
}

/** What a candidate answers when it is asked whether it has torchlint. */
export type Answer = { readonly has: "torchlint" } | { readonly has: "no torchlint" | "no pygls" | "nothing"; readonly said: string };

/** The candidates, the best first; `unknown` is what was configured and is nowhere. */
export function candidates(around: Surroundings): { readonly found: readonly Candidate[]; readonly unknown?: string } {
    const configured = around.configured?.trim() ?? "";
    if (configured !== "") {
        const file = configuredPath(configured, around);
        if (file === undefined || !isAllowed(file, around)) return { found: [], unknown: configured };
        return { found: [{ kind: "python", path: file }] };
    }
    const named = (name: string, kind: Candidate["kind"]): Candidate[] => {
        const file = onPath(name, around);
        return file === undefined ? [] : [{ kind, path: file }];
    };
    const chosen: Candidate[] =
        around.trusted && around.chosen !== undefined ? [{ kind: "python", path: around.chosen }] : [];
    const all = [...chosen, ...named("python3", "python"), ...named("python", "python"), ...named("torchlint", "program")];
    const found = all.filter(
        (one, index) => all.findIndex((other) => other.path === one.path) === index && isAllowed(one.path, around),
    );
    return { found };
}

/** The words of the command line that starts the server. */
export function command(candidate: Candidate): { readonly command: string; readonly args: string[] } {
    const args = candidate.kind === "python" ? ["-m", "torchlint", "server"] : ["server"];
    return { command: candidate.path, args };
}

/** The command that installs the server, as somebody would type it. */
export function installation(candidate: Candidate, windows: boolean): string {
    const quote = windows ? '"' : "'";
    const program = /^[\w./\\:~+-]+$/.test(candidate.path) ? candidate.path : `${quote}${candidate.path}${quote}`;
    return `${windows && program.startsWith(quote) ? "& " : ""}${program} -m pip install ${quote}torchlint[server]${quote}`;
}

/** What is wrong with all candidates, in a sentence, and the command that mends it if there is one. */
export function complaint(
    answers: readonly (readonly [Candidate, Answer])[],
    unknown: string | undefined,
    windows: boolean,
): { readonly words: string; readonly install?: string } {
    if (unknown !== undefined) return { words: `There is no Python at ${unknown} (torchlint.interpreter).` };
    const nearest = answers.find(([, { has }]) => has === "no pygls") ?? answers.find(([, { has }]) => has === "no torchlint");
    if (nearest !== undefined) {
        const [candidate, { has }] = nearest;
        const lacking = has === "no pygls" ? "torchlint is installed without its server" : "torchlint is not installed";
        return { words: `${lacking} in ${candidate.path}.`, install: installation(candidate, windows) };
    }
    const [first] = answers;
    if (first === undefined) return { words: "There is no Python. Name one that has torchlint (torchlint.interpreter)." };
    const [candidate, answer] = first;
    return { words: `${candidate.path} cannot be run: ${answer.has === "torchlint" ? "" : answer.said}` };
}

/** Ask a candidate whether it has torchlint. `folder` is the working folder, from which Python may import. */
export async function ask(candidate: Candidate, folder: string, patience = 20_000): Promise<Answer> {
    const args = candidate.kind === "python" ? ["-c", QUESTION] : ["--version"];
    return new Promise((resolve) => {
        execFile(candidate.path, args, { cwd: folder, timeout: patience, windowsHide: true }, (error, out, err) => {
            if (error !== null) {
                const last = err.trim().split("\n").at(-1) ?? "";
                resolve({ has: "nothing", said: error.killed === true ? "it did not answer" : last || error.message });
            } else if (candidate.kind === "program") {
                resolve({ has: "torchlint" });
            } else {
                const [torchlint, pygls] = out.trim().split(/\s+/).slice(-2);
                if (torchlint !== "True") resolve({ has: "no torchlint", said: "" });
                else resolve(pygls === "True" ? { has: "torchlint" } : { has: "no pygls", said: "" });
            }
        });
    });
}

const QUESTION = "import importlib.util as u; print(*(u.find_spec(n) is not None for n in ('torchlint', 'pygls')))";

function configuredPath(configured: string, around: Surroundings): string | undefined {
    const [first] = around.folders;
    let file = configured.replace(/^~(?=[/\\]|$)/, around.home);
    if (file.includes("${workspaceFolder}")) {
        if (first === undefined) return undefined;
        file = file.replaceAll("${workspaceFolder}", first);
    }
    if (!/[/\\]/.test(file)) return onPath(file, around);
    if (!path.isAbsolute(file)) {
        if (first === undefined) return undefined;
        file = path.join(first, file);
    }
    return around.isFile(file) ? file : undefined;
}

/** The file of a program's name, in the folders of the environment's PATH that are absolute. */
function onPath(name: string, around: Surroundings): string | undefined {
    const separator = around.windows ? ";" : ":";
    const file = around.windows && !/\.exe$/i.test(name) ? `${name}.exe` : name;
    return around.searched
        .split(separator)
        .filter((folder) => path.isAbsolute(folder))
        .map((folder) => path.join(folder, file))
        .find((one) => around.isFile(one) && isAllowed(one, around));
}

function isAllowed(file: string, around: Surroundings): boolean {
    if (around.trusted) return true;
    return around.folders.every((folder) => !isBelow(file, folder) && !isBelow(around.real(file), around.real(folder)));
}

function isBelow(file: string, folder: string): boolean {
    const rest = path.relative(folder, file);
    return rest === "" || (!path.isAbsolute(rest) && rest.split(path.sep)[0] !== "..");
}
