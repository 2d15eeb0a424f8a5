"""The ways by which signed files leave: a folder, or an SFTP server."""
