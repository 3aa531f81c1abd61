"""What notebooks and terminals show of operations: panels, live and static, and the table of ``%op list``."""
