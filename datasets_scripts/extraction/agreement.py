"""`python -m datasets_scripts.extraction.agreement`."""

from datasets_scripts.extraction.checks.agreement import main


if __name__ == "__main__":
    main()
