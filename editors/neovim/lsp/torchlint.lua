-- The language server of torchlint for Neovim 0.11 and later, which finds this file by itself where its folder is on
-- the runtime path; `vim.lsp.enable("torchlint")` starts it. The values below `settings` are those that hold anyway.
return {
  cmd = { "torchlint", "server" },
  filetypes = { "python" },
  root_markers = { "torchlint.toml", "pyproject.toml", ".git" },
  init_options = {
    trusted = false, -- true lets `confirm` run models of this workspace, if your own torchlint.toml consents too
  },
  settings = {
    torchlint = {
      enable = true,
      run = "onType", -- or "onSave"
      workspaceDiagnostics = true, -- false: of open files only
      hover = true,
      inlayHints = { shapes = false, ranges = false },
      confirm = false,
      logLevel = "info", -- or "error", "warning", "debug"
    },
  },
}
