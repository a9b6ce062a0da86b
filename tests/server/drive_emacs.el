;;; drive_emacs.el --- A session of a person in Emacs, without one  -*- lexical-binding: t; -*-

;; Opens a project with Eglot, waits for what the server says, edits, and writes down what is seen at each step as JSON.
;; What it is given stands in the variable TORCHLINT_TEST_DRIVE.

(require 'json)
(require 'cl-lib)
(require 'eglot nil t)

(setq warning-minimum-log-level :emergency
      make-backup-files nil
      create-lockfiles nil
      eglot-send-changes-idle-time 0.1)

(defvar given (let ((json-object-type 'plist) (json-array-type 'list) (json-false nil))
                (json-read-from-string (getenv "TORCHLINT_TEST_DRIVE"))))
(defvar seen nil)
(defun note (key value) (setq seen (plist-put seen key value)))
(defun given (key) (plist-get given key))

(defun wait-for (what condition)
  "Wait until CONDITION gives something, or fail with WHAT."
  (let ((end (+ (float-time) (given :patience))) found)
    (while (and (null (setq found (funcall condition))) (< (float-time) end))
      (accept-process-output nil 0.02))
    (or found (error "Waited in vain: %s" what))))

(defun diagnostics (buffer)
  "What flymake shows in BUFFER."
  (with-current-buffer buffer (flymake-diagnostics)))

(defun settle (buffer)
  "Let idle timers run: they send what was edited in BUFFER, and batch mode is never idle."
  (with-current-buffer buffer (eglot--signal-textDocument/didChange)))

(defun findings (buffer)
  "What flymake shows in BUFFER, for the report."
  (with-current-buffer buffer
    (vconcat
     (mapcar (lambda (one)
               (let* ((start (flymake-diagnostic-beg one))
                      (told (cdr (assoc 'eglot-lsp-diag (flymake-diagnostic-data one)))))
                 (save-excursion
                   (goto-char start)
                   (list :line (1- (line-number-at-pos))
                         :column (- start (line-beginning-position))
                         :text (buffer-substring-no-properties start (flymake-diagnostic-end one))
                         :code (or (plist-get told :code) "")
                         :source (or (plist-get told :source) "")
                         :related (length (plist-get told :relatedInformation))
                         :message (flymake-diagnostic-text one)))))
             (flymake-diagnostics)))))

(defun content (buffer)
  "The text of BUFFER."
  (with-current-buffer buffer (buffer-substring-no-properties (point-min) (point-max))))

(defun session ()
  "All steps."
  (load (given :file) nil t)
  (setq torchlint-command (given :command))
  (torchlint-setup-eglot)
  (let* ((train (find-file-noselect (expand-file-name "train.py" (given :folder))))
         (model (find-file-noselect (expand-file-name "model.py" (given :folder))))
         (eglot-sync-connect (given :patience))
         server)
    (switch-to-buffer train)
    (apply #'eglot (eglot--guess-contact))
    (wait-for "the first finding" (lambda () (diagnostics train)))
    (setq server (wait-for "the server" #'eglot-current-server))
    (note :first (findings train))

    (goto-char (point-min))
    (forward-line (given :line))
    (search-forward "net")
    (note :hover
          (wait-for "a hover"
                    (lambda ()
                      (let ((found (jsonrpc-request server :textDocument/hover (eglot--TextDocumentPositionParams))))
                        (and found (plist-get (plist-get found :contents) :value))))))

    ;; the model is edited in another buffer, and not saved
    (with-current-buffer model
      (goto-char (point-min))
      (search-forward (given :sigmoid))
      (replace-match (given :logits) t t))
    (settle model)
    (wait-for "the finding goes when the model is edited" (lambda () (null (diagnostics train))))
    (with-current-buffer model
      (goto-char (point-min))
      (search-forward (concat "return " (given :logits)))
      (replace-match (concat "return " (given :sigmoid)) t t))
    (settle model)
    (wait-for "the finding comes again when the edit is undone" (lambda () (diagnostics train)))
    (note :again (findings train))

    (switch-to-buffer train)
    (goto-char (point-min))
    (forward-line (given :line))
    (note :code_here (torchlint--code-here))
    (torchlint-explain (torchlint--code-here))
    (note :page (content "*torchlint rule*"))
    (torchlint-data-path)
    (note :data_path (content "*torchlint data path*"))

    (let* ((one (car (diagnostics train)))
           (actions (with-current-buffer train
                      (eglot-code-actions (flymake-diagnostic-beg one) (flymake-diagnostic-end one))))
           (fix (cl-find-if (lambda (action) (and (equal (plist-get action :kind) "quickfix")
                                                  (string-prefix-p (given :fix) (plist-get action :title))))
                            actions)))
      (note :titles (vconcat (mapcar (lambda (action) (plist-get action :title)) actions)))
      (eglot--read-execute-code-action (list fix) server "quickfix"))
    (note :fixed (content train))
    (settle train)
    (wait-for "the finding goes with the fix" (lambda () (null (diagnostics train))))

    (with-current-buffer train (undo-boundary) (primitive-undo 2 buffer-undo-list))
    (settle train)
    (wait-for "the finding comes again when the fix is undone" (lambda () (diagnostics train)))
    (with-current-buffer train (torchlint-fix-all))
    (note :fixed_all (content train))

    ;; Eglot kills a server that does not end at once, so that its exit is asked for by hand
    (let ((process (jsonrpc--process server)))
      (setf (eglot--shutdown-requested server) t)
      (jsonrpc-request server :shutdown nil)
      (jsonrpc-notify server :exit nil)
      (wait-for "the server ends" (lambda () (not (process-live-p process))))
      (note :ended (process-exit-status process)))))

(defun leave-at-once ()
  "Open the project, see the findings, and let Eglot end the server in its own way."
  (load (given :file) nil t)
  (setq torchlint-command (given :command))
  (torchlint-setup-eglot)
  (let ((eglot-sync-connect (given :patience)))
    (switch-to-buffer (find-file-noselect (expand-file-name "train.py" (given :folder))))
    (apply #'eglot (eglot--guess-contact))
    (wait-for "findings" (lambda () (= (length (diagnostics (current-buffer))) (given :findings))))
    (note :first (findings (current-buffer)))
    (eglot-shutdown (eglot-current-server))))

(defun with-lsp-mode ()
  "Open the project with lsp-mode, see the finding, mend it, and leave."
  (setq lsp-session-file (expand-file-name ".lsp-session" (given :folder))
        lsp-auto-guess-root t
        lsp-enable-snippet nil
        lsp-enable-file-watchers nil
        lsp-headerline-breadcrumb-enable nil
        lsp-modeline-code-actions-enable nil
        lsp-modeline-diagnostics-enable nil
        lsp-modeline-workspace-status-enable nil
        lsp-diagnostics-provider :none
        lsp-restart 'ignore)
  (require 'lsp-mode)
  (load (given :file) nil t)
  (setq torchlint-command (given :command))
  (torchlint-setup-lsp-mode)
  (switch-to-buffer (find-file-noselect (expand-file-name "train.py" (given :folder))))
  (lsp)
  (let ((found (lambda () (apply #'append (hash-table-values (lsp-diagnostics))))))
    (note :first (vconcat (mapcar (lambda (one) (list :code (gethash "code" one) :source (gethash "source" one)))
                                  (wait-for "the finding" found))))
    (goto-char (point-min))
    (forward-line (given :line))
    (torchlint-data-path)
    (note :data_path (content "*torchlint data path*"))
    (torchlint-fix-all)
    (note :fixed_all (content (current-buffer)))
    (wait-for "the finding goes with the fix" (lambda () (null (funcall found)))))
  (with-lsp-workspace (torchlint--lsp-workspace) (lsp--shutdown-workspace)))

(let ((problems nil))
  (condition-case problem
      (funcall (intern (given :steps)))
    (error (setq problems (list (error-message-string problem)))))
  (note :problems (vconcat problems))
  (let ((coding-system-for-write 'utf-8))
    (write-region (json-encode seen) nil (given :report) nil 'quiet)))
(let ((confirm-kill-processes nil)) (kill-emacs 0))
