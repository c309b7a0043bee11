"""`python -m flan_tasks` is `flan`."""

from flan_tasks.cli.start import main

if __name__ == "__main__":
    main()
