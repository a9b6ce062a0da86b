/** The interpreter that the Python extension has chosen, where that extension is installed. */
import * as vscode from "vscode";

/** As much as is used of what the Python extension offers to others. */
interface PythonExtension {
    readonly ready: Promise<void>;
    readonly environments: {
        readonly onDidChangeActiveEnvironmentPath: vscode.Event<unknown>;
        getActiveEnvironmentPath(resource?: vscode.Uri): { readonly path: string };
        resolveEnvironment(environment: { readonly path: string }): Promise<Environment | undefined>;
    };
}

interface Environment {
    readonly executable: { readonly uri?: vscode.Uri };
}

async function pythonExtension(): Promise<PythonExtension | undefined> {
    const extension = vscode.extensions.getExtension<PythonExtension>("ms-python.python");
    if (extension === undefined) return undefined;
    const offered = await extension.activate();
    await offered.ready;
    return offered;
}

/** The path of the interpreter that is chosen for a folder; undefined if none is, or nothing is there to choose one. */
export async function chosenInterpreter(folder: vscode.Uri | undefined): Promise<string | undefined> {
    const offered = await pythonExtension();
    if (offered === undefined) return undefined;
    const active = offered.environments.getActiveEnvironmentPath(folder);
    return (await offered.environments.resolveEnvironment(active))?.executable.uri?.fsPath;
}

/** Call back whenever another interpreter is chosen. */
export async function onInterpreterChosen(callback: () => void): Promise<vscode.Disposable | undefined> {
    return (await pythonExtension())?.environments.onDidChangeActiveEnvironmentPath(callback);
}
