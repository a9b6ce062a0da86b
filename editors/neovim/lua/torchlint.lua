-- torchlint in Neovim 0.7 and later: `require("torchlint").setup({ ... })` starts the language server for Python files
-- and adds the commands below. All of it is optional in Neovim 0.11, where `vim.lsp.enable("torchlint")` is enough.
--
--   :TorchlintDataPath   what the data goes through on the way to the cursor's line, in a window of its own
--   :TorchlintExplain    the page of the finding under the cursor, or of the code that is given
--   :TorchlintFixAll     every safe fix of this buffer
--   :TorchlintHints      inlay hints on or off (Neovim 0.10 and later; turn a kind of them on in the settings)
local M = {}

M.options = {
  fix_on_save = false, -- make every safe fix before a buffer is written
  timeout = 5000, -- milliseconds that a command waits for the server
  server = {}, -- laid over lsp/torchlint.lua: cmd, settings, init_options, ...
}

local function modern(version)
  return vim.fn.has("nvim-" .. version) == 1
end

-- The server's configuration: the file in lsp/ with what the user changes of it.
function M.configuration()
  local files = vim.api.nvim_get_runtime_file("lsp/torchlint.lua", true)
  local merged = { name = "torchlint" }
  for index = #files, 1, -1 do
    merged = vim.tbl_deep_extend("force", merged, dofile(files[index]))
  end
  return vim.tbl_deep_extend("force", merged, M.options.server)
end

-- The folder above a file that has one of the markers; the first marker that is found anywhere wins.
local function root(path, markers)
  for _, marker in ipairs(markers) do
    local found = vim.fn.findfile(marker, path .. ";")
    if found == "" then
      found = vim.fn.finddir(marker, path .. ";")
    end
    if found ~= "" then
      return vim.fn.fnamemodify(found, ":p:s?/$??:h")
    end
  end
  return path
end

local running = {} -- Neovim 0.7: the client of each root

local function start(buffer)
  local name = vim.api.nvim_buf_get_name(buffer)
  if name == "" or vim.bo[buffer].buftype ~= "" then
    return
  end
  local configuration = M.configuration()
  configuration.root_dir = root(vim.fn.fnamemodify(name, ":p:h"), configuration.root_markers)
  if vim.lsp.start then
    vim.lsp.start(configuration, { bufnr = buffer })
    return
  end
  local client = running[configuration.root_dir]
  if client == nil or vim.lsp.get_client_by_id(client) == nil then
    configuration.workspace_folders =
      { { uri = vim.uri_from_fname(configuration.root_dir), name = configuration.root_dir } }
    client = vim.lsp.start_client(configuration)
    running[configuration.root_dir] = client
  end
  if client then
    vim.lsp.buf_attach_client(buffer, client)
  end
end

-- torchlint's client of a buffer, or nil.
function M.client(buffer)
  buffer = (buffer == nil or buffer == 0) and vim.api.nvim_get_current_buf() or buffer
  local clients = vim.lsp.get_clients or vim.lsp.get_active_clients
  for _, client in ipairs(clients({ bufnr = buffer })) do
    if client.name == "torchlint" and vim.lsp.buf_is_attached(buffer, client.id) then
      return client
    end
  end
end

-- What the server answers to a request; an error is shown, and nil returned.
local function ask(buffer, method, parameters)
  local client = M.client(buffer)
  if client == nil then
    vim.notify("torchlint is not running in this buffer", vim.log.levels.WARN)
    return nil
  end
  local answer, problem
  if modern("0.11") then
    answer, problem = client:request_sync(method, parameters, M.options.timeout, buffer)
  else
    answer, problem = client.request_sync(method, parameters, M.options.timeout, buffer)
  end
  if answer == nil or answer.err then
    local why = answer and answer.err.message or problem or "no answer"
    vim.notify("torchlint: " .. tostring(why), vim.log.levels.ERROR)
    return nil
  end
  return answer.result
end

function M.execute(command, arguments)
  return ask(vim.api.nvim_get_current_buf(), "workspace/executeCommand", { command = command, arguments = arguments })
end

-- Make every safe fix of a buffer.
function M.fix_all(buffer)
  buffer = (buffer == nil or buffer == 0) and vim.api.nvim_get_current_buf() or buffer
  local client = M.client(buffer)
  if client == nil then
    return
  end
  local last = vim.api.nvim_buf_line_count(buffer)
  local actions = ask(buffer, "textDocument/codeAction", {
    textDocument = vim.lsp.util.make_text_document_params(buffer),
    range = { start = { line = 0, character = 0 }, ["end"] = { line = last, character = 0 } },
    context = { only = { "source.fixAll.torchlint" }, diagnostics = {} },
  })
  for _, action in ipairs(actions or {}) do
    if action.edit == nil and action.data ~= nil then
      action = ask(buffer, "codeAction/resolve", action) or action
    end
    if action.edit then
      vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding or "utf-16")
    elseif action.command then
      ask(buffer, "workspace/executeCommand", action.command)
    end
  end
end

-- A window below with text that cannot be changed; `q` closes it.
local function show(name, text, filetype)
  vim.cmd("botright new")
  local buffer = vim.api.nvim_get_current_buf()
  vim.api.nvim_buf_set_lines(buffer, 0, -1, false, vim.split(text, "\n"))
  vim.bo[buffer].buftype = "nofile"
  vim.bo[buffer].bufhidden = "wipe"
  vim.bo[buffer].swapfile = false
  vim.bo[buffer].modifiable = false
  vim.bo[buffer].filetype = filetype
  vim.api.nvim_buf_set_name(buffer, name .. " [" .. buffer .. "]")
  vim.keymap.set("n", "q", "<Cmd>close<CR>", { buffer = buffer })
end

function M.data_path()
  local line = vim.api.nvim_win_get_cursor(0)[1] - 1
  local found = M.execute("torchlint.dataPath", { vim.uri_from_bufnr(0), line })
  if type(found) == "table" then
    show("torchlint data path", found.text, "")
  end
end

-- The code of torchlint's finding in the cursor's line; of several, that at the cursor.
function M.code_here()
  local cursor = vim.api.nvim_win_get_cursor(0)
  local best
  for _, one in ipairs(vim.diagnostic.get(0, { lnum = cursor[1] - 1 })) do
    if one.source == "torchlint" then
      local at_cursor = one.col <= cursor[2] and cursor[2] < math.max(one.end_col, one.col + 1)
      local code = one.code or (one.user_data and one.user_data.lsp and one.user_data.lsp.code)
      if best == nil or at_cursor then
        best = code
      end
    end
  end
  return best
end

function M.explain(code)
  code = code or M.code_here()
  if code == nil then
    vim.notify("torchlint says nothing of this line", vim.log.levels.INFO)
    return
  end
  local window = vim.lsp.protocol.make_client_capabilities().window
  local shows = window and window.showDocument and window.showDocument.support -- then the server has it shown
  local page = M.execute("torchlint.explain", { code })
  if type(page) == "table" and not shows then
    show("torchlint " .. page.code, page.markdown, "markdown")
  end
end

function M.toggle_hints()
  if not (vim.lsp.inlay_hint and vim.lsp.inlay_hint.enable) then
    vim.notify("inlay hints need Neovim 0.10", vim.log.levels.WARN)
    return
  end
  local on = vim.lsp.inlay_hint.is_enabled({ bufnr = 0 })
  vim.lsp.inlay_hint.enable(not on, { bufnr = 0 })
end

function M.setup(options)
  M.options = vim.tbl_deep_extend("force", M.options, options or {})
  local group = vim.api.nvim_create_augroup("torchlint", { clear = true })
  if vim.lsp.config and vim.lsp.enable then
    vim.lsp.config("torchlint", M.options.server)
    vim.lsp.enable("torchlint")
  else
    vim.api.nvim_create_autocmd("FileType", {
      group = group,
      pattern = M.configuration().filetypes,
      callback = function(event)
        start(event.buf)
      end,
    })
  end
  if M.options.fix_on_save then
    vim.api.nvim_create_autocmd("BufWritePre", {
      group = group,
      callback = function(event)
        M.fix_all(event.buf)
      end,
    })
  end
  local command = vim.api.nvim_create_user_command
  command("TorchlintDataPath", M.data_path, { desc = "The way of the data to this line" })
  command("TorchlintExplain", function(given)
    M.explain(given.args ~= "" and given.args or nil)
  end, { nargs = "?", desc = "The page of a rule" })
  command("TorchlintFixAll", function()
    M.fix_all()
  end, { desc = "Make every safe fix of this buffer" })
  command("TorchlintHints", M.toggle_hints, { desc = "Inlay hints on or off" })
end

return M
