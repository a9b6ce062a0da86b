"""The protocol where the library leaves a client without an answer: before the beginning, after the end, and to what
cannot be understood."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.protocol import LanguageServerProtocol
from pygls.protocol.json_rpc import RPCRequest
from pygls.protocol.language_server import lsp_method

logger = logging.getLogger(__name__)


class Protocol(LanguageServerProtocol):
    """See the module's text."""

    def __init__(self, server: Any, converter: Any) -> None:
        super().__init__(server, converter)
        #: the commands that are being carried out, by the number of their request
        self.commands: dict[Any, asyncio.Task[Any]] = {}
        #: what can be given up, by the token of its progress
        self.cancels: dict[types.ProgressToken, Callable[[], object]] = {}

    def structure_message(self, data: dict[str, Any]) -> Any:
        """What is left as it is until the whole message is there: the library asks this of every object in it."""
        return data

    def handle_message(self, message: Any) -> None:
        """Hear a message, if it is one and now is the time for it."""
        if not isinstance(message, dict) or message.get("jsonrpc") != self.VERSION:
            logger.warning("what is no message was passed over")
            return
        structured = self._structured(message)
        if structured is not None:
            self._hear(structured)

    def _structured(self, data: dict[str, Any]) -> Any:
        """A message as the library has it; None if it makes no sense: then a request is told so."""
        asked = isinstance(data.get("id"), (int, str)) and isinstance(data.get("method"), str)
        try:
            message = super().structure_message(_completed(data))
        except JsonRpcException as error:
            if asked:
                self._send_response(data["id"], error=error.to_response_error())
            return None
        if asked and not isinstance(message, RPCRequest):
            words = f"`{data['method']}` is a notification"
            self._send_response(data["id"], error=types.ResponseError(types.ErrorCodes.InvalidRequest, words))
            return None
        return message

    def _hear(self, message: Any) -> None:
        method = getattr(message, "method", "")
        early = self._workspace is None and method not in (types.INITIALIZE, types.EXIT)
        twice = self._workspace is not None and method == types.INITIALIZE
        late = self._shutdown and method != types.EXIT
        if not (early or late or twice):
            super().handle_message(message)
        elif isinstance(message, RPCRequest):
            code = types.LSPErrorCodes.RequestFailed if not early else types.ErrorCodes.ServerNotInitialized
            words = "the server waits for `initialize`" if early else "it is too late for this"
            self._send_response(
                message.id, error=types.ResponseError(types.ErrorCodes.InvalidRequest if late or twice else code, words)
            )

    def _send_handler_result(self, future: Any, *, msg_id: Any) -> None:
        """Answer a request. That it cannot be carried out is an answer, and none of the server's faults."""
        error = None if future.cancelled() else future.exception()
        if isinstance(error, JsonRpcException):
            self._request_futures.pop(msg_id, None)
            self._send_response(msg_id, error=error.to_response_error())
        else:
            super()._send_handler_result(future, msg_id=msg_id)

    def _handle_cancel_notification(self, msg_id: Any) -> None:
        """Give up a request, and the command that it has started, which the library would let go on."""
        super()._handle_cancel_notification(msg_id)
        task = self.commands.pop(msg_id, None)
        if task is not None:
            task.cancel()

    @lsp_method(types.WINDOW_WORK_DONE_PROGRESS_CANCEL)
    def lsp_work_done_progress_cancel(self, params: types.WorkDoneProgressCancelParams) -> None:
        """Give up what this progress is of, if it goes on."""
        cancel = self.cancels.get(params.token)
        if cancel is not None:
            cancel()

    @property
    def is_shut_down(self) -> bool:
        """Whether the client has asked to shut down."""
        return self._shutdown


def _completed(data: dict[str, Any]) -> dict[str, Any]:
    """A message with what some clients leave out: parameters where there are none, and the version of an edit."""
    if "method" not in data:
        return data
    method, params = data["method"], data.get("params")
    if method == types.INITIALIZED and params is None:
        params = {}
    elif method == types.TEXT_DOCUMENT_DID_CHANGE and isinstance(params, dict):
        identifier = params.get("textDocument")
        if isinstance(identifier, dict) and identifier.get("version") is None:
            params = {**params, "textDocument": {**identifier, "version": 0}}
    return {**data, "params": params}
