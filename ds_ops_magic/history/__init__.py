"""The history of the operations that were followed, kept in a file that all processes of a user share."""
