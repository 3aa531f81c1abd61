"""The subcommands of ``%op``, a module each: its options beside what it does.

To add one:

1. Write a module here like `get`: ``_add_arguments(parser)``, ``_run(invocation)``, and a `Subcommand` of both.
2. Put that into the table in `table`. Help, completion and error messages follow from it.
3. Options that others have too are in `ds_ops_magic.magics.options`.
4. What ``_run`` can use is in `ds_ops_magic.magics.invocation`; it waits by `ds_ops_magic.magics.wait.wait_and_show`.
5. Add a line of its use to ``EXAMPLES`` in ``tests/magics/subcommands/test_table.py``.
"""
