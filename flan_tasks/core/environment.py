"""Names of the environment variables that say where rows and vocabulary come from."""

SOURCE = "FLAN_TASKS_SOURCE"
DATA_DIR = "FLAN_TASKS_DATA_DIR"
VOCAB = "FLAN_TASKS_VOCAB"
