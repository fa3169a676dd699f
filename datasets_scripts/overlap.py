"""`python -m datasets_scripts.overlap`."""

from datasets_scripts.prepare.overlap import main


if __name__ == "__main__":
    main()
