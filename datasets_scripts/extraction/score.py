"""`python -m datasets_scripts.extraction.score`."""

from datasets_scripts.extraction.checks.score import main


if __name__ == "__main__":
    main()
