"""What survives a run: records, the experience log, and where a repository's memory lies.

Start reading at records.py, the glossary. This folder imports no other folder.
"""
