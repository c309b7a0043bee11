"""From a mixture to rows: the task, example, template and exemplars of each, and its texts."""
