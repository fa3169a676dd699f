"""An OpenAI-compatible server on loopback that behaves as a test says, question by question."""

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def complete(text, **fields):
    """A chat completion, as the bytes of a body."""
    usage = {"prompt_tokens": 1000, "completion_tokens": 50, "total_tokens": 1050}
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
    return json.dumps({"choices": [choice], "usage": usage, **fields}, ensure_ascii=False).encode()


def answer_with(change):
    """A behaviour that answers with the body that `change` makes of a subject."""

    def answer(handler, subject):
        handler.send(200, change(subject))
        return True

    return answer


def fail_with(status, **headers):
    """A behaviour that fails with an HTTP status and repeats the subject, as servers do in their messages."""

    def fail(handler, subject):
        body = json.dumps({"error": {"message": f"cannot process {subject}"}}).encode()
        handler.send(status, body, **{name.replace("_", "-"): value for name, value in headers.items()})
        return False

    return fail


class ChatHandler(BaseHTTPRequestHandler):
    """Speaks the OpenAI chat protocol as the script of the server says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.payload = json.loads(self.rfile.read(int(self.headers["content-length"])))
        question = self.payload["messages"][-1]["content"]
        subject = next(iter(json.JSONDecoder().raw_decode(question)[0].values()))
        subject = subject if isinstance(subject, str) else json.dumps(subject)  # several statements in one question
        entry = {"subject": subject, "question": question, "payload": self.payload, "headers": dict(self.headers)}
        behave = self.server.next_behaviour(subject, entry)
        entry["is_answered"] = behave(self, subject)

    def send(self, status, body, *, content_length=None, **headers):
        self.send_response(status)
        self.send_header("content-length", str(content_length or len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keep the output of the tests clean."""


class ChatServer(ThreadingHTTPServer):
    """A server on loopback with a script per subject of a question: behaviours in turn, the last one from then on."""

    def __init__(self, default):
        super().__init__(("127.0.0.1", 0), ChatHandler)
        self.scripts = {}
        self.default = [default]
        self.log = []
        self.is_closing = threading.Event()
        self._lock = threading.Lock()

    @property
    def base_url(self):
        return f"http://127.0.0.1:{self.server_port}/v1"

    def next_behaviour(self, subject, entry):
        """Note a request and say how to behave."""
        with self._lock:
            script = self.scripts.get(subject, self.default)
            num_before = sum(earlier["subject"] == subject for earlier in self.log)
            self.log.append(entry)
        return script[min(num_before, len(script) - 1)]

    def count_answers(self):
        """How often each subject was answered."""
        return Counter(entry["subject"] for entry in self.log if entry.get("is_answered"))

    def handle_error(self, request, client_address):
        """A client that hangs up is expected."""


@contextmanager
def serve_chat(default):
    """A running `ChatServer`, which behaves in this way where no script says otherwise."""
    with ChatServer(default) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.is_closing.set()
            server.shutdown()
            thread.join()
