// Runs the tests of a folder beside this file: `node test/run.mjs unit`, `node test/run.mjs editor`.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { argv, execPath, exit } from "node:process";
import { fileURLToPath } from "node:url";

const folder = join(dirname(fileURLToPath(import.meta.url)), argv[2]);
const entryPoints = readdirSync(folder).filter((name) => name.endsWith(".test.ts")).map((name) => join(folder, name));
const outdir = mkdtempSync(join(tmpdir(), "torchlint-tests-"));
try {
    await build({
        entryPoints,
        outdir,
        outExtension: { ".js": ".cjs" },
        bundle: true,
        platform: "node",
        format: "cjs",
        target: "node20",
        sourcemap: "inline",
        // is loaded from where it is installed
        external: ["playwright-core"],
        logLevel: "warning",
    });
    const tests = readdirSync(outdir).map((name) => join(outdir, name));
    const ran = spawnSync(execPath, ["--test", "--enable-source-maps", "--test-reporter", "spec", ...tests], {
        stdio: "inherit",
        env: { ...process.env, NODE_PATH: join(dirname(dirname(folder)), "node_modules") },
    });
    exit(ran.status ?? 1);
} finally {
    rmSync(outdir, { recursive: true, force: true });
}
