// Runs the tests of a folder beside this file: `node test/run.mjs unit`, `node test/run.mjs editor`. What comes behind that
// is for Node's test runner: `--test-name-pattern "has a log"`.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import process, { argv, execPath } from "node:process";
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
        // are loaded from where they are installed
        external: ["playwright-core", "@vscode/vsce"],
        logLevel: "warning",
    });
    const tests = readdirSync(outdir).map((name) => join(outdir, name));
    const ran = spawnSync(execPath, ["--test", "--enable-source-maps", "--test-reporter", "spec", ...argv.slice(3), ...tests], {
        stdio: "inherit",
        env: { ...process.env, NODE_PATH: join(dirname(dirname(folder)), "node_modules") },
    });
    process.exitCode = ran.status ?? 1;
} finally {
    rmSync(outdir, { recursive: true, force: true });
}
