import assert from "node:assert/strict";
import { describe, test } from "node:test";

import { page, shown } from "../../src/words";

describe("the status item", () => {
    test("says how many findings there are", () => {
        assert.equal(shown({ kind: "ready" }, 0).text, "$(check) torchlint");
        assert.equal(shown({ kind: "ready" }, 1).tooltip, "torchlint: 1 finding");
        assert.equal(shown({ kind: "ready" }, 3).text, "$(warning) torchlint: 3");
        assert.equal(shown({ kind: "ready" }, 3).command, "workbench.actions.view.problems");
    });

    test("says what the server does, and why it does nothing", () => {
        assert.match(shown({ kind: "starting" }, 0).text, /sync~spin/);
        assert.match(shown({ kind: "analysing", message: "reading: 3 of 9 files" }, 2).tooltip, /3 of 9/);
        const failed = shown({ kind: "failed", reason: "no Python" }, 0);
        assert.deepEqual([failed.bad, failed.tooltip, failed.command], [true, "torchlint: no Python", "torchlint.showLog"]);
        assert.equal(shown({ kind: "off" }, 0).command, "torchlint.restart");
    });
});

describe("the page of a data path", () => {
    const SVG = '<?xml version="1.0" encoding="UTF-8"?>\n<svg class="torchlint-trace"><style>text {}</style></svg>';

    test("lets nothing in but what carries its nonce", () => {
        const made = page("train.py", "text", SVG, "n0");
        assert.match(made, /content="default-src 'none'; style-src 'nonce-n0'"/);
        assert.match(made, /<svg class="torchlint-trace"><style nonce="n0">text \{\}<\/style>/);
        assert.doesNotMatch(made, /<\?xml|<script/);
    });

    test("shows the text where there is no drawing", () => {
        const made = page("<b>", "a < b & 'c'", null, "n0");
        assert.match(made, /<pre>a &#60; b &#38; &#39;c&#39;<\/pre>/);
        assert.match(made, /<title>&#60;b&#62;<\/title>/);
    });
});
