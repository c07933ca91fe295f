"""The Worker project on disk: read its config, edit it keeping comments, variables, scaffold."""
