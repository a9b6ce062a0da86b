import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import * as path from "node:path";
import { after, describe, test } from "node:test";

import { type Answer, ask, type Candidate, candidates, command, complaint, installation, type Surroundings } from "../../src/launch";

const FILES = [
    "/usr/bin/python3",
    "/usr/bin/python",
    "/usr/bin/torchlint",
    "/home/me/tools/bin/python",
    "/srv/app/.venv/bin/python",
    "/srv/app/bin/python3",
    "/opt/link/python",
];

function around(changes: Partial<Surroundings> = {}): Surroundings {
    return {
        configured: null,
        chosen: undefined,
        folders: ["/srv/app"],
        trusted: true,
        home: "/home/me",
        searched: "/usr/local/bin:/usr/bin",
        windows: false,
        isFile: (file) => FILES.includes(file),
        real: (file) => (file === "/opt/link/python" ? "/srv/app/.venv/bin/python" : file),
        ...changes,
    };
}

function paths(changes: Partial<Surroundings> = {}): string[] {
    return candidates(around(changes)).found.map((one) => one.path);
}

const python = (file: string): Candidate => ({ kind: "python", path: file });

describe("candidates", () => {
    test("the interpreter of the workspace comes first, then those on the path, then the program", () => {
        const chosen = "/srv/app/.venv/bin/python";
        assert.deepEqual(paths({ chosen }), [chosen, "/usr/bin/python3", "/usr/bin/python", "/usr/bin/torchlint"]);
        assert.deepEqual(candidates(around()).found.at(-1), { kind: "program", path: "/usr/bin/torchlint" });
    });

    test("what is configured is the only one", () => {
        const chosen = "/srv/app/.venv/bin/python";
        assert.deepEqual(paths({ chosen, configured: "~/tools/bin/python" }), ["/home/me/tools/bin/python"]);
        assert.deepEqual(paths({ configured: "${workspaceFolder}/.venv/bin/python" }), [chosen]);
        assert.deepEqual(paths({ configured: ".venv/bin/python" }), [chosen]);
        assert.deepEqual(paths({ configured: " python3 " }), ["/usr/bin/python3"]);
    });

    test("what is configured and is not there is said", () => {
        assert.deepEqual(candidates(around({ configured: "/gone/python" })), { found: [], unknown: "/gone/python" });
        assert.deepEqual(candidates(around({ configured: "${workspaceFolder}/python", folders: [] })).found, []);
        assert.deepEqual(candidates(around({ configured: "bin/python3", folders: [] })).found, []);
    });

    test("nothing configured is nothing", () => {
        assert.deepEqual(paths({ configured: " " }), paths());
    });

    test("a workspace that is not trusted does not choose", () => {
        const trusted = false;
        assert.deepEqual(paths({ trusted, chosen: "/home/me/tools/bin/python" }), paths());
        for (const configured of ["${workspaceFolder}/.venv/bin/python", ".venv/bin/python", "/opt/link/python"]) {
            assert.equal(paths({ configured }).length, 1);
            assert.deepEqual(candidates(around({ trusted, configured })), { found: [], unknown: configured });
        }
        const searched = "/srv/app/bin:bin::/usr/bin";
        assert.equal(paths({ searched })[0], "/srv/app/bin/python3");
        assert.equal(paths({ trusted, searched })[0], "/usr/bin/python3");
    });

    test("a folder of the path that is relative is no folder of the path", () => {
        assert.deepEqual(paths({ searched: "bin:.:", isFile: () => true }), []);
    });
});

describe("the command line", () => {
    test("of an interpreter and of the program", () => {
        assert.deepEqual(command(python("/usr/bin/python3")), { command: "/usr/bin/python3", args: ["-m", "torchlint", "server"] });
        assert.deepEqual(command({ kind: "program", path: "/usr/bin/torchlint" }), { command: "/usr/bin/torchlint", args: ["server"] });
    });

    test("that installs can be pasted", () => {
        assert.equal(installation(python("/usr/bin/python3"), false), "/usr/bin/python3 -m pip install 'torchlint[server]'");
        assert.equal(installation(python("/my venv/python"), false), "'/my venv/python' -m pip install 'torchlint[server]'");
        assert.equal(installation(python("C:\\My Venv\\python.exe"), true), '& "C:\\My Venv\\python.exe" -m pip install "torchlint[server]"');
    });
});

describe("what is wrong", () => {
    const none: Answer = { has: "no torchlint", said: "" };
    const bare: Answer = { has: "no pygls", said: "" };
    const dead: Answer = { has: "nothing", said: "bad interpreter" };

    test("the interpreter that lacks least is named, with what installs the rest", () => {
        const found = complaint([[python("/a"), dead], [python("/b"), none], [python("/c"), bare]], undefined, false);
        assert.equal(found.words, "torchlint is installed without its server in /c.");
        assert.equal(found.install, "/c -m pip install 'torchlint[server]'");
        const other = complaint([[python("/a"), dead], [python("/b"), none]], undefined, false);
        assert.equal(other.words, "torchlint is not installed in /b.");
    });

    test("where nothing can be installed the reason is said", () => {
        assert.deepEqual(complaint([[python("/a"), dead]], undefined, false), { words: "/a cannot be run: bad interpreter" });
        assert.match(complaint([], undefined, false).words, /There is no Python/);
        assert.match(complaint([], "/gone", false).words, /no Python at \/gone/);
    });
});

describe("a candidate", () => {
    const folder = mkdtempSync(path.join(tmpdir(), "torchlint-ask-"));
    after(() => {
        rmSync(folder, { recursive: true });
    });

    function script(name: string, text: string): Candidate {
        const file = path.join(folder, name);
        writeFileSync(file, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
        return python(file);
    }

    test("says what it has", async () => {
        assert.deepEqual(await ask(script("all", "echo hello; echo True True"), folder), { has: "torchlint" });
        assert.equal((await ask(script("bare", "echo True False"), folder)).has, "no pygls");
        assert.equal((await ask(script("none", "echo False True"), folder)).has, "no torchlint");
    });

    test("that cannot answer has nothing", async () => {
        assert.deepEqual(await ask(script("dead", "echo one >&2; echo two >&2; exit 3"), folder), { has: "nothing", said: "two" });
        assert.deepEqual(await ask(script("slow", "exec sleep 60"), folder, 200), { has: "nothing", said: "it did not answer" });
        assert.equal((await ask(python(path.join(folder, "gone")), folder)).has, "nothing");
    });

    test("is asked in a folder that is not the workspace's", async () => {
        const candidate = script("where", 'echo "$PWD" >&2; exit 1');
        const answer = await ask(candidate, folder);
        assert.equal(answer.has === "torchlint" ? "" : answer.said, folder);
    });
});
