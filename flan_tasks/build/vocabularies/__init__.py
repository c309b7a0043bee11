"""The kinds of vocabulary; `flan_tasks.build.vocabulary` opens them by name."""
