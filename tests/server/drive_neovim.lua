-- A session of a person in Neovim, without one: opens a project, waits for what the server says, edits, and writes down
-- what is seen at each step as JSON. What it is given stands in the variable TORCHLINT_TEST_DRIVE.
local given = vim.fn.json_decode(vim.env.TORCHLINT_TEST_DRIVE)
local seen = { problems = {} }
local NOTHING = vim.NIL

local function finish()
  local file = assert(io.open(given.report, "w"))
  file:write(vim.fn.json_encode(seen))
  file:close()
  vim.cmd("qall!")
end

local function attempt(name, step)
  local done, problem = xpcall(step, debug.traceback)
  if not done then
    table.insert(seen.problems, name .. ": " .. problem)
  end
  return done
end

local function wait(what, condition)
  if not vim.wait(given.patience * 1000, condition, 20) then
    error("waited in vain: " .. what)
  end
end

local function findings(buffer)
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(buffer)) do
    local told = one.user_data and one.user_data.lsp or {}
    table.insert(found, {
      code = one.code or told.code or NOTHING,
      source = one.source,
      message = one.message,
      severity = one.severity,
      line = one.lnum,
      column = one.col,
      end_column = one.end_col,
      href = told.codeDescription and told.codeDescription.href or NOTHING,
      related = told.relatedInformation and #told.relatedInformation or 0,
    })
  end
  return found
end

local function text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n") .. "\n"
end

local function replace(buffer, old, new)
  for number, line in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    local from, to = line:find(old, 1, true)
    if from then
      vim.api.nvim_buf_set_text(buffer, number - 1, from - 1, number - 1, to, { new })
      return
    end
  end
  error("no " .. old)
end

local function request(client, method, parameters, buffer)
  local answer, problem
  if vim.fn.has("nvim-0.11") == 1 then
    answer, problem = client:request_sync(method, parameters, given.patience * 1000, buffer)
  else
    answer, problem = client.request_sync(method, parameters, given.patience * 1000, buffer)
  end
  assert(answer and not answer.err, vim.inspect(answer and answer.err or problem))
  return answer.result
end

local function apply(client, buffer, action)
  if action.edit == nil and action.data ~= nil then
    action = request(client, "codeAction/resolve", action, buffer)
  end
  if action.edit then
    vim.lsp.util.apply_workspace_edit(action.edit, client.offset_encoding)
  end
  if type(action.command) == "table" then
    request(client, "workspace/executeCommand", action.command, buffer)
  end
end

vim.opt.runtimepath:prepend(given.files)
vim.o.hidden = true
local torchlint = require("torchlint")
local ended = {}
local server = {
  cmd = given.command,
  on_exit = function(code, signal)
    ended = { code = code, signal = signal }
  end,
}
if given.pull then -- Neovim 0.12 declares this of itself
  server.capabilities = vim.lsp.protocol.make_client_capabilities()
  server.capabilities.workspace.diagnostics = { refreshSupport = true }
  server.handlers = {
    ["workspace/diagnostic/refresh"] = function(_, _, context)
      seen.refreshed = (seen.refreshed or 0) + 1
      for buffer in pairs(vim.lsp.get_client_by_id(context.client_id).attached_buffers) do
        vim.lsp.util._refresh("textDocument/diagnostic", { bufnr = buffer, client_id = context.client_id })
      end
      return vim.NIL
    end,
  }
end
torchlint.setup({ fix_on_save = given.fix_on_save or false, server = server })

attempt("session", function()
  vim.cmd("edit " .. vim.fn.fnameescape(given.folder .. "/train.py"))
  local train = vim.api.nvim_get_current_buf()
  wait("the server attaches", function()
    return torchlint.client(train) ~= nil
  end)
  local client = torchlint.client(train)
  seen.encoding = client.offset_encoding
  seen.root = client.config.root_dir
  wait("the first finding", function()
    return #vim.diagnostic.get(train) > 0
  end)
  seen.first = findings(train)
  local provider = client.server_capabilities and client.server_capabilities.diagnosticProvider
  seen.pulls = provider ~= nil

  if given.fix_on_save then
    vim.cmd("write")
    seen.fixed = text(train)
    wait("nothing is found after the fix", function()
      return #vim.diagnostic.get(train) == 0
    end)
    return
  end

  attempt("hover", function()
    local found
    wait("a hover", function() -- what is known of expressions comes after the first findings
      found = request(client, "textDocument/hover", {
        textDocument = vim.lsp.util.make_text_document_params(train),
        position = given.hover[client.offset_encoding],
      }, train)
      return found ~= nil and found ~= NOTHING
    end)
    seen.hover = type(found.contents) == "table" and found.contents.value or found.contents
  end)

  -- the model is edited in another buffer, and not saved
  vim.cmd("edit " .. vim.fn.fnameescape(given.folder .. "/model.py"))
  local model = vim.api.nvim_get_current_buf()
  replace(model, given.sigmoid, given.logits)
  wait("the finding goes when the model is edited", function()
    return #vim.diagnostic.get(train) == 0
  end)
  seen.after_edit = findings(train)
  vim.cmd("silent undo")
  assert(text(model):find(given.sigmoid, 1, true), "undo")
  wait("the finding comes again when the edit is undone", function()
    return #vim.diagnostic.get(train) > 0
  end)
  seen.after_undo = findings(train)
  seen.modified = vim.bo[model].modified

  vim.cmd("buffer " .. train)
  vim.api.nvim_win_set_cursor(0, { given.line + 1, seen.first[1].column })
  seen.code_here = torchlint.code_here()
  attempt("explain", function()
    vim.cmd("TorchlintExplain")
    seen.page = text(vim.api.nvim_get_current_buf()):sub(1, 200)
    vim.cmd("buffer " .. train)
    vim.cmd("only")
  end)
  attempt("data path", function()
    vim.api.nvim_win_set_cursor(0, { given.line + 1, 0 })
    vim.cmd("TorchlintDataPath")
    seen.data_path = text(vim.api.nvim_get_current_buf())
    vim.cmd("close")
  end)
  vim.cmd("buffer " .. train)
  if vim.lsp.inlay_hint then
    attempt("hints", function()
      local before = vim.lsp.inlay_hint.is_enabled({ bufnr = 0 })
      vim.cmd("TorchlintHints")
      seen.hints_toggled = vim.lsp.inlay_hint.is_enabled({ bufnr = 0 }) ~= before
    end)
  end

  -- the quick fix
  vim.api.nvim_win_set_cursor(0, { given.line + 1, seen.first[1].column })
  local parameters = vim.lsp.util.make_range_params(0, client.offset_encoding)
  local here = vim.diagnostic.get(train, { lnum = given.line })
  parameters.context = {
    diagnostics = vim.lsp.diagnostic.from and vim.lsp.diagnostic.from(here)
      or vim.lsp.diagnostic.get_line_diagnostics(train, given.line),
  }
  local actions = request(client, "textDocument/codeAction", parameters, train)
  seen.titles = vim.tbl_map(function(action)
    return action.title
  end, actions)
  for _, action in ipairs(actions) do
    if action.kind == "quickfix" and vim.startswith(action.title, given.fix) then
      apply(client, train, action)
      break
    end
  end
  seen.fixed = text(train)
  wait("the finding goes with the fix", function()
    return #vim.diagnostic.get(train) == 0
  end)
end)

attempt("shutdown", function()
  local client = torchlint.client(vim.fn.bufnr(given.folder .. "/train.py")) or torchlint.client()
  assert(client, "no client to be stopped")
  if vim.fn.has("nvim-0.11") == 1 then
    client:stop()
  else
    client.stop()
  end
  wait("the server ends", function()
    return ended.code ~= nil
  end)
  seen.ended = ended
end)
finish()
