;;; torchlint.el --- The language server of torchlint  -*- lexical-binding: t; -*-

;; Version: 0.1.0
;; Package-Requires: ((emacs "27.1"))
;; Keywords: languages, tools
;; SPDX-License-Identifier: MIT

;;; Commentary:

;; torchlint follows the tensors of a PyTorch program without running it, and says where they go wrong.
;;
;; With Eglot (part of Emacs since 29):
;;
;;     (require 'torchlint)
;;     (torchlint-setup-eglot)
;;     (add-hook 'python-base-mode-hook #'eglot-ensure)    ; before Emacs 29: python-mode-hook
;;
;; Eglot runs one server a buffer.  A multiplexer such as rass lets it have several; torchlint is then one of them:
;;
;;     (setq torchlint-command '("rass" "--" "torchlint" "server" "--" "basedpyright-langserver" "--stdio"))
;;
;; With lsp-mode, which runs several servers a buffer, torchlint starts beside the others:
;;
;;     (require 'torchlint)
;;     (torchlint-setup-lsp-mode)
;;     (add-hook 'python-mode-hook #'lsp)
;;
;; Commands: `torchlint-data-path', `torchlint-explain', `torchlint-fix-all', `torchlint-fix-on-save-mode'.

;;; Code:

(require 'cl-lib)
(require 'subr-x)

(declare-function eglot-code-actions "eglot")
(declare-function eglot-current-server "eglot")
(declare-function jsonrpc-request "jsonrpc")
(declare-function flymake-diagnostic-data "flymake")
(declare-function flymake-diagnostic-text "flymake")
(declare-function flymake-diagnostics "flymake")
(declare-function lsp-execute-code-action-by-kind "lsp-mode")
(declare-function lsp-find-workspace "lsp-mode")
(declare-function lsp-register-client "lsp-mode")
(declare-function lsp-request "lsp-mode")
(declare-function lsp-stdio-connection "lsp-mode")
(declare-function make-lsp-client "lsp-mode")
(defvar eglot-server-programs)
(defvar lsp--cur-workspace)
(defvar lsp-language-id-configuration)

(defgroup torchlint nil
  "The language server of torchlint."
  :group 'tools
  :prefix "torchlint-")

(defcustom torchlint-command '("torchlint" "server")
  "The program of the language server, and its arguments."
  :type '(repeat string)
  :risky t)

(defcustom torchlint-settings nil
  "What is set otherwise than torchlint has it, as a property list of JSON.
An example: (:run \"onSave\" :inlayHints (:shapes t :ranges :json-false)).
The server is told of them when it starts.  Eglot also has
`eglot-workspace-configuration', whose section is :torchlint."
  :type 'plist
  :risky t)

(defcustom torchlint-trusted nil
  "Whether models of the project may be run to confirm a finding.
That needs the setting :confirm and the consent in your own
torchlint.toml besides."
  :type 'boolean
  :risky t)

(defconst torchlint-fix-all-kind "source.fixAll.torchlint"
  "The kind of the code action that makes every safe fix of a file.")

(defun torchlint--initialization-options (&rest _)
  "The options with which the server is initialised."
  (append (list :trusted (if torchlint-trusted t :json-false))
          (and torchlint-settings (list :settings torchlint-settings))))

;;;###autoload
(defun torchlint-setup-eglot ()
  "Make torchlint the server for Python in Eglot."
  (with-eval-after-load 'eglot
    (setq eglot-server-programs
          (cons (cons (if (fboundp 'python-ts-mode) '(python-mode python-ts-mode) 'python-mode)
                      #'torchlint--eglot-contact)
                (cl-remove #'torchlint--eglot-contact eglot-server-programs :key #'cdr)))))

(defun torchlint--eglot-contact (&rest _)
  "The command of the server, and what Eglot passes on to it."
  (append torchlint-command
          (list :initializationOptions #'torchlint--initialization-options)))

;;;###autoload
(defun torchlint-setup-lsp-mode ()
  "Let lsp-mode start torchlint for Python, beside other servers."
  (with-eval-after-load 'lsp-mode
    (lsp-register-client
     (make-lsp-client
      :server-id 'torchlint
      :new-connection (lsp-stdio-connection (lambda () torchlint-command))
      :major-modes '(python-mode python-ts-mode)
      :add-on? t
      :priority -2
      :initialization-options #'torchlint--initialization-options))))

(defun torchlint--eglot-p ()
  "Whether Eglot manages this buffer."
  (and (fboundp 'eglot-current-server) (eglot-current-server)))

(defun torchlint--lsp-workspace ()
  "The workspace that torchlint has in lsp-mode for this buffer."
  (and (bound-and-true-p lsp-mode) (lsp-find-workspace 'torchlint (buffer-file-name))))

(defun torchlint--execute (command &rest arguments)
  "Let the server execute COMMAND with ARGUMENTS; its answer is a property list."
  (let ((parameters (list :command command :arguments (vconcat arguments))))
    (cond
     ((torchlint--lsp-workspace)
      (let ((lsp--cur-workspace (torchlint--lsp-workspace)))
        (torchlint--plist (lsp-request "workspace/executeCommand" parameters))))
     ((torchlint--eglot-p)
      (jsonrpc-request (eglot-current-server) :workspace/executeCommand parameters))
     (t (user-error "The server of torchlint is not running in this buffer")))))

(defun torchlint--plist (object)
  "OBJECT, which may be a hash table, as a property list."
  (if (hash-table-p object)
      (let (out)
        (maphash (lambda (key value) (setq out (cons (intern (concat ":" key)) (cons value out)))) object)
        out)
    object))

(defun torchlint--uri ()
  "The URI of this buffer's file, as the client writes it."
  (let ((path (or (buffer-file-name) (user-error "This buffer visits no file"))))
    (cond ((and (torchlint--lsp-workspace) (fboundp 'lsp--path-to-uri)) (lsp--path-to-uri path))
          ((fboundp 'eglot-path-to-uri) (eglot-path-to-uri path))
          (t (eglot--path-to-uri path)))))
(declare-function eglot--path-to-uri "eglot")
(declare-function eglot-path-to-uri "eglot")
(declare-function lsp--path-to-uri "lsp-mode")

(defun torchlint--show (name text mode &optional svg)
  "Show TEXT in a buffer NAME in MODE, or SVG where pictures can be seen."
  (let ((buffer (get-buffer-create name)))
    (with-current-buffer buffer
      (let ((inhibit-read-only t))
        (erase-buffer)
        (if (and (stringp svg) (display-graphic-p) (image-type-available-p 'svg))
            (insert-image (create-image (encode-coding-string svg 'utf-8) 'svg t) text)
          (insert text)))
      (goto-char (point-min))
      (funcall mode)
      (setq buffer-read-only t))
    (display-buffer buffer)))

;;;###autoload
(defun torchlint-data-path ()
  "Show the way of the data to this line."
  (interactive)
  (let ((found (torchlint--execute "torchlint.dataPath" (torchlint--uri)
                                   (1- (line-number-at-pos nil t)))))
    (torchlint--show "*torchlint data path*" (plist-get found :text) #'special-mode (plist-get found :svg))))

(defun torchlint--code-here ()
  "The code of torchlint's finding in this line, or nil."
  (when (bound-and-true-p flymake-mode)
    (cl-some (lambda (one)
               (let* ((data (and (fboundp 'flymake-diagnostic-data) (flymake-diagnostic-data one)))
                      (told (and (consp data) (cdr (assoc 'eglot-lsp-diag data))))
                      (text (flymake-diagnostic-text one)))
                 (cond ((equal (plist-get told :source) "torchlint") (plist-get told :code))
                       ((string-match "\\bTL[0-9]+\\b" text) (match-string 0 text)))))
             (flymake-diagnostics (line-beginning-position) (line-end-position)))))

;;;###autoload
(defun torchlint-explain (code)
  "Show the page of the rule CODE, by default that of the finding in this line."
  (interactive (list (or (torchlint--code-here) (read-string "Code of a rule: "))))
  (let ((page (torchlint--execute "torchlint.explain" code)))
    (torchlint--show "*torchlint rule*" (plist-get page :markdown)
                     (if (fboundp 'gfm-view-mode) #'gfm-view-mode #'special-mode))))

;;;###autoload
(defun torchlint-fix-all ()
  "Make every safe fix of this file."
  (interactive)
  (cond
   ((torchlint--lsp-workspace) (lsp-execute-code-action-by-kind torchlint-fix-all-kind))
   ((torchlint--eglot-p) (eglot-code-actions (point-min) (point-max) torchlint-fix-all-kind t))
   (t (user-error "The server of torchlint is not running in this buffer"))))

(defun torchlint--fix-before-save ()
  "Make every safe fix of this file, if there is one."
  (condition-case problem
      (torchlint-fix-all)
    (error (message "torchlint: %s" (error-message-string problem)))))

;;;###autoload
(define-minor-mode torchlint-fix-on-save-mode
  "Make every safe fix of torchlint before the buffer is saved."
  :lighter nil
  (if torchlint-fix-on-save-mode
      (add-hook 'before-save-hook #'torchlint--fix-before-save nil t)
    (remove-hook 'before-save-hook #'torchlint--fix-before-save t)))

(provide 'torchlint)
;;; torchlint.el ends here
