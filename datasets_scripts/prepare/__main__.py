"""`python -m datasets_scripts.prepare`."""

from .corpus import main


if __name__ == "__main__":
    main()
