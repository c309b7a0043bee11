"""P3: the prompts of T0 and of Flan 2022's T0-SF, 544 tasks made of 60 public data sets.

The wording stands in promptsource's template files, which are read from the user's copy, and rows
are those of the data sets. What ships is an index of names and facts, and wording of ours for a few
tasks that stands in for theirs where embedded rows are shown.
"""

from flan_tasks.core.family import Family
from flan_tasks.core.origin import Files
from flan_tasks.core.shared_tables import RECORD, ROW, SharedTables
from flan_tasks.core.splits import Splits
from flan_tasks.promptsource import members
from flan_tasks.promptsource.index import SUBTASKS

P3 = Family(
    name=members.FAMILY,
    collection="p3",
    source=Files({"templates": "**/templates.yaml"}, manual=members.RECORD_DIR),
    index=SUBTASKS,
    member_of=members.member_of,
    tables=SharedTables(
        table=members.table_of,
        records=members.records,
        record_dir=members.RECORD_DIR,
        stand_ins="the wording is this package's and stands in for promptsource's, which is not "
        "part of it; --data-dir p3=PROMPTSOURCE shows the published prompts",
        row_dir="p3_rows",
    ),
    splits=Splits(validation="validation"),
    schema={ROW: dict, RECORD: dict},
    normalize=members.answer_prompt,
    fields=(members.INPUTS,),
    options_per_example=True,
    # A prompt may have its question anywhere.
    keep="whole",
    metrics=("accuracy",),
    license=members.NOT_STATED,
    citation=members.CITATION,
    version=1,
)
