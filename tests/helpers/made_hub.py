"""What stands for `HfApi` where no request is made: it remembers repositories and what was uploaded."""

from types import SimpleNamespace


class MadeHub:
    """Repositories of one user."""

    def __init__(self, *, repos=(), login="ann", refusal=None):
        self.is_private, self.files = dict(repos), {}
        self.login, self.refusal = login, refusal

    def __call__(self):
        return self

    def whoami(self):
        if self.login is None:
            raise OSError("Token is required")
        return {"name": self.login}

    def create_repo(self, repo_id, *, repo_type, private, exist_ok):
        assert exist_ok
        if self.refusal:
            raise self.refusal
        self.is_private.setdefault(repo_id, private)
        return SimpleNamespace(repo_id=repo_id)

    def repo_info(self, repo_id, *, repo_type):
        return SimpleNamespace(private=self.is_private[repo_id])

    def create_commit(self, repo_id, operations, *, repo_type, commit_message):
        for operation in operations:
            with operation.as_file() as file:
                self.files[operation.path_in_repo] = file.read()
