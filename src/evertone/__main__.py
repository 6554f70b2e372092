"""``python -m evertone``: the same as the ``evertone`` command."""

from evertone.ui.cli import main

if __name__ == "__main__":
    main()
