"""What following operations costs, beside other ways to do it: `python -m tests.benchmarks` (README.md)."""
