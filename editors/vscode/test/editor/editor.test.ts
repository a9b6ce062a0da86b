import assert from "node:assert/strict";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { after, before, describe, test } from "node:test";

import { Editor, needed, setFolder, until, type Window } from "./window";

const MODEL = `\
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(8 * 30 * 30, 1)

    def forward(self, images):
        features = self.body(images)
        return self.head(features)
`;

/** The loss gets raw scores: TL101, behind a sign that takes two units of UTF-16. */
const TRAIN = `\
import torch
from torch import nn

from model import Net

images = torch.rand(16, 3, 32, 32)
truth = torch.randint(2, (16, 1)).float()
net = Net()
criterion = nn.BCELoss()
optimizer = torch.optim.SGD(net.parameters(), 0.1)
for epoch in range(10):
    optimizer.zero_grad()
    scores = net(images)
    "🔥"; loss = criterion(scores, truth)
    loss.backward()
    optimizer.step()
`;

const FILES = { "model.py": MODEL, "train.py": TRAIN };

/** A notebook in which the second cell makes the mistake of the first. */
const NOTEBOOK = JSON.stringify({
    cells: [
        "import torch\nfrom torch import nn\nhead = nn.Linear(8, 1)\n",
        "scores = head(torch.rand(4, 8))\nloss = nn.BCELoss()(scores, torch.ones(4, 1))\n",
    ].map((source, number) => ({ cell_type: "code", id: `c${number}`, source, metadata: {}, outputs: [], execution_count: null })),
    metadata: { language_info: { name: "python" } },
    nbformat: 4,
    nbformat_minor: 5,
});

let editor: Editor;

before(async () => {
    editor = await Editor.start();
});

after(async () => {
    await editor.close();
});

/** A program that notes each start in a file, and is `then`. */
function noting(name: string, then: string): { program: string; starts: () => string[] } {
    const program = path.join(editor.folder, name);
    const notes = `${program}.starts`;
    writeFileSync(program, `#!/bin/sh\necho "$$ $*" >> '${notes}'\n${then}\n`);
    chmodSync(program, 0o755);
    return { program, starts: () => (existsSync(notes) ? readFileSync(notes, "utf8").trim().split("\n") : []) };
}

/** Whether a start that was noted is that of a server. */
function isServer(words: string): boolean {
    return words.endsWith(" -m torchlint server");
}

describe("a script with a mistake", () => {
    let folder: string;
    let window: Window;

    before(async () => {
        folder = editor.project("app", FILES);
        setFolder(folder, {});
        window = await editor.window(folder, "train.py");
    });

    after(async () => {
        await window.close();
    });

    test("has a mark below it, and is listed with the trail that leads to it", async () => {
        await window.marks(1);
        await window.says(/^torchlint: 1 finding$/);
        await window.command("Problems: Focus on Problems View");
        const problem = window.problem("`BCELoss` expects probabilities in [0, 1], but `scores` is unbounded");
        await problem.waitFor();
        assert.match((await problem.textContent()) ?? "", /torchlintTL101.*Ln 14, Col 18/);
        await window.problem("model.py").first().waitFor();
        await window.picture("finding");
        await window.command("View: Hide Panel");
    });

    test("tells under the pointer what is known", async () => {
        assert.match(await window.hover("scores"), /float32\[16, 1\].*logits.*self\.head/);
        await window.picture("hover");
    });

    test("tells under the pointer what is wrong", async () => {
        assert.match(await window.hover("criterion("), /BCELoss.*expects probabilities.*TL101/);
        await window.picture("hover-finding");
    });

    test("shows shapes and ranges beside names once that is wanted", async () => {
        await window.reads("scores = net(images)");
        setFolder(folder, { "torchlint.inlayHints.shapes": true });
        await window.reads("scores: [16, 1] = net(images)");
        await window.picture("hints");
        setFolder(folder, { "torchlint.inlayHints.shapes": true, "torchlint.inlayHints.ranges": true });
        await window.reads("images: [16, 3, 32, 32] [0, 1] = torch.rand");
        setFolder(folder, {});
        await window.reads("scores = net(images)");
    });

    test("has a data path, drawn in the colours of the theme", async () => {
        await window.click("net(images)");
        await window.command("torchlint: Show Data Path");
        const frame = await window.webview();
        await frame.locator("svg.torchlint-trace").waitFor();
        assert.match((await frame.locator("svg").textContent()) ?? "", /torch\.rand.*Net.*BCELoss/s);
        const fill = (): Promise<string> => frame.locator("svg .back").evaluate((one) => getComputedStyle(one).fill);
        assert.equal(await fill(), "rgb(255, 255, 255)");
        await window.picture("data-path");
        setFolder(folder, { "workbench.colorTheme": "Default Dark Modern" });
        await until(async () => (await fill()) === "rgb(31, 31, 31)");
        await window.picture("data-path-dark");
        setFolder(folder, {});
        await window.command("View: Close Editors in Other Groups");
    });

    test("has rules whose pages are shown as they are meant to be read", async () => {
        await window.click("criterion(");
        await window.command("torchlint: Explain Rule");
        const frame = await window.webview();
        await frame.getByRole("heading", { name: "bce-on-logits (TL101)" }).waitFor();
        await window.picture("rule");
        await window.command("View: Close Editor");
    });

    test("is right once the model is, while the model is not saved", async () => {
        await window.page.getByRole("treeitem", { name: "model.py" }).click();
        await window.click("self.head(features)");
        await window.page.keyboard.press("End");
        await window.page.keyboard.type(".sigmoid()");
        await window.reads("self.head(features).sigmoid()");
        await window.says(/^torchlint: 0 findings$/);
        await window.page.getByRole("tab", { name: "train.py" }).click();
        await window.reads("criterion(scores, truth)");
        await window.marks(0);
        await window.page.getByRole("tab", { name: "model.py" }).click();
        await window.command("File: Revert File");
        await window.reads(".sigmoid", false);
        await window.says(/^torchlint: 1 finding$/);
        await window.page.getByRole("tab", { name: "train.py" }).click();
        await window.marks(1);
    });

    test("is seen again by a server that is started anew", async () => {
        const starts = window.says(/^torchlint is starting$/);
        await window.command("torchlint: Restart Server");
        await starts;
        await window.says(/^torchlint: 1 finding$/);
        await window.marks(1);
    });

    test("has a log", async () => {
        await window.command("torchlint: Show Log");
        await window.page.locator(".part.panel").getByRole("tab", { name: "Output", selected: true }).waitFor();
        await window.command("View: Hide Panel");
    });

    test("is mended by a quick fix", async () => {
        await window.click("criterion(");
        await window.page.keyboard.press("Control+.");
        const first = window.page.locator(".action-widget .monaco-list-row.focused");
        await first.filter({ hasText: "use `BCEWithLogitsLoss`" }).waitFor();
        await window.picture("fixes");
        await window.page.keyboard.press("Enter");
        await window.reads("criterion = nn.BCEWithLogitsLoss()");
        await window.marks(0);
        await window.says(/^torchlint: 0 findings$/);
        await window.picture("fixed");
    });
});

describe("a folder with many files", () => {
    test("takes a while, and how far it is is said", async () => {
        const many = Object.fromEntries(Array.from({ length: 300 }, (_, number) => [`model${number}.py`, MODEL]));
        await editor.within({}, editor.project("many", { ...FILES, ...many }), "train.py", async (window) => {
            await window.says(/^torchlint is analysing: .* files$/);
            await window.says(/^torchlint: 1 finding$/);
        });
    });
});

describe("a notebook with a mistake", () => {
    test("has a mark in the cell that makes it", async () => {
        const folder = editor.project("notebooks", { "train.ipynb": NOTEBOOK });
        await editor.within({}, folder, "train.ipynb", async (window) => {
            await window.marks(1);
            await window.says(/^torchlint: 1 finding$/);
            await window.picture("notebook");
        });
    });
});

describe("a workspace that is not trusted", () => {
    test("is analysed, and does not choose the program that does it", async () => {
        const folder = editor.project("stranger", FILES);
        const { program, starts } = noting("stranger/python", `exec '${needed("TORCHLINT_PYTHON")}' "$@"`);
        setFolder(folder, { "torchlint.interpreter": program });
        await editor.within({ "security.workspace.trust.enabled": true }, folder, "train.py", async (window) => {
            await window.marks(1);
            await window.says(/^torchlint: 1 finding$/);
            assert.deepEqual(starts(), []);
            await window.picture("restricted");
            await window.command("Workspaces: Manage Workspace Trust");
            await window.page.getByRole("button", { name: "Trust", exact: true }).first().click();
            await window.page.locator(".statusbar-item", { hasText: "Restricted Mode" }).waitFor({ state: "detached" });
            await until(() => starts().some(isServer));
            await window.says(/^torchlint: 1 finding$/);
        });
    });
});

describe("the interpreter that the Python extension has chosen", () => {
    test("has the server, and the next one that is chosen has it then", async () => {
        const then = `exec '${needed("TORCHLINT_PYTHON")}' "$@"`;
        const [first, second] = [noting("first", then), noting("second", then)];
        editor.choose(first.program);
        const folder = editor.project("chosen-by-python", FILES);
        await editor.within({ "torchlint.interpreter": null }, folder, "train.py", async (window) => {
            await window.says(/^torchlint: 1 finding$/);
            assert.equal(first.starts().filter(isServer).length, 1);
            editor.choose(second.program);
            await window.command("Stand-in: Choose Interpreter");
            await until(() => second.starts().some(isServer));
            await window.says(/^torchlint: 1 finding$/);
            assert.equal(first.starts().filter(isServer).length, 1);
        });
    });
});

describe("a server that ends by itself", () => {
    test("is started again, three times", async () => {
        const { program, starts } = noting("ending", `exec '${needed("TORCHLINT_PYTHON")}' "$@"`);
        await editor.within({ "torchlint.interpreter": program }, editor.project("ended", FILES), "train.py", async (window) => {
            const kill = async (times: number): Promise<void> => {
                await until(() => starts().filter(isServer).length >= times);
                process.kill(Number(starts().filter(isServer).at(-1)?.split(" ")[0]), "SIGKILL");
            };
            await window.says(/^torchlint: 1 finding$/);
            await kill(1);
            await until(() => starts().filter(isServer).length >= 2);
            await window.says(/^torchlint: 1 finding$/);
            await kill(2);
            await kill(3); // while it starts
            await kill(4);
            await window.says(/^torchlint: the server ended 4 times/);
            await window.marks(0);
            await window.picture("ended");
            await window.command("torchlint: Restart Server");
            await window.says(/^torchlint: 1 finding$/);
        });
    });

    test("at once, is said to", async () => {
        const { program, starts } = noting("dying", "case $1 in -c) echo True True;; *) echo 'no memory' >&2; exit 3;; esac");
        await editor.within({ "torchlint.interpreter": program }, editor.project("died", FILES), "train.py", async (window) => {
            await window.says(/^torchlint: the server ended 4 times/);
            await window.picture("died");
            assert.equal(starts().filter(isServer).length, 4);
            await window.command("Notifications: Show Notifications");
            await window.page.locator(".notifications-center", { hasText: "No new notifications" }).waitFor();
        });
    });
});

describe("a Python without torchlint", () => {
    test("is named, with the command that installs it", async () => {
        const { program } = noting("bare", 'echo False False');
        await editor.within({ "torchlint.interpreter": program }, editor.project("none", FILES), "train.py", async (window) => {
            await window.says(/^torchlint: torchlint is not installed in .*bare\.$/);
            const told = window.page.locator(".notification-toast", { hasText: "torchlint is not installed" });
            await told.waitFor();
            assert.ok((await told.textContent())?.includes(`${program} -m pip install 'torchlint[server]'`));
            await window.picture("not-installed");
            await told.getByRole("button", { name: "Copy Command" }).click();
        });
    });
});
