"""`python -m modeling_supreme.supreme_command`, where the package is not installed and there is no `supreme`."""

from .main import start


if __name__ == "__main__":
    start()
