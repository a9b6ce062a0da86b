/** What the status item says, and the page that shows a data path: text in, text out. */

export type State =
    | { readonly kind: "starting" }
    | { readonly kind: "analysing"; readonly message: string }
    | { readonly kind: "ready" }
    | { readonly kind: "off" }
    | { readonly kind: "failed"; readonly reason: string };

export interface Shown {
    readonly text: string;
    readonly tooltip: string;
    readonly command: string;
    readonly bad: boolean;
}

/** What is shown of a state of the server, while it has `count` findings. */
export function shown(state: State, count: number): Shown {
    const findings = count === 1 ? "1 finding" : `${count} findings`;
    switch (state.kind) {
        case "starting":
            return { text: "$(sync~spin) torchlint", tooltip: "torchlint is starting", command: LOG, bad: false };
        case "analysing": {
            const tooltip = `torchlint is analysing${state.message === "" ? "" : `: ${state.message}`}`;
            return { text: "$(sync~spin) torchlint", tooltip, command: LOG, bad: false };
        }
        case "ready": {
            const text = count === 0 ? "$(check) torchlint" : `$(warning) torchlint: ${count}`;
            return { text, tooltip: `torchlint: ${findings}`, command: PROBLEMS, bad: false };
        }
        case "off":
            return { text: "$(circle-slash) torchlint", tooltip: "torchlint is stopped", command: RESTART, bad: false };
        case "failed":
            return { text: "$(error) torchlint", tooltip: `torchlint: ${state.reason}`, command: LOG, bad: true };
    }
}

const LOG = "torchlint.showLog";
const PROBLEMS = "workbench.actions.view.problems";
const RESTART = "torchlint.restart";

/**
 * The page of a data path: the drawing if there is one, or else its text. Nothing in it is run or fetched, and of styles
 * only those count that carry `nonce`.
 */
export function page(title: string, text: string, svg: string | null, nonce: string): string {
    const picture =
        svg === null
            ? `<pre>${escaped(text)}</pre>`
            : svg.replace(/^\s*<\?xml[^>]*\?>\s*/, "").replace("<style>", `<style nonce="${nonce}">`);
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'">
<title>${escaped(title)}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
${picture}
</body>
</html>
`;
}

/** The colours of the drawing are those of the editor's theme. */
const STYLE = `
body { margin: 0; padding: 0; overflow: auto; background: var(--vscode-editor-background); }
pre { margin: 16px; font: var(--vscode-editor-font-size) var(--vscode-editor-font-family);
  color: var(--vscode-editor-foreground); }
body svg.torchlint-trace { display: block; color-scheme: inherit; --back: var(--vscode-editor-background);
  --front: var(--vscode-editor-foreground); --dim: var(--vscode-descriptionForeground);
  --frame: var(--vscode-panel-border); --panel: var(--vscode-editorWidget-background);
  --data: var(--vscode-charts-blue); --model: var(--vscode-charts-purple); --end: var(--vscode-charts-green);
  --bad: var(--vscode-errorForeground); }
`;

function escaped(text: string): string {
    return text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
