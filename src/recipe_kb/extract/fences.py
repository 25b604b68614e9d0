"""What follows a fence of Markdown -> the kind that its block is written in."""

LANGUAGES = {
    **dict.fromkeys(("yaml", "yml"), "yaml"),
    **dict.fromkeys(("json", "jsonc", "json5"), "json"),
    **dict.fromkeys(("toml",), "toml"),
    **dict.fromkeys(("python", "py", "python3", "py3", "ipython", "ipython3", "pycon", "jupyter"), "python"),
    **dict.fromkeys(
        (
            "bash",
            "sh",
            "shell",
            "zsh",
            "fish",
            "console",
            "terminal",
            "shell-session",
            "shellsession",
            "powershell",
            "ps1",
            "bat",
            "batch",
            "cmd",
            "dockerfile",
            "docker",
            "makefile",
            "make",
            "slurm",
            "sbatch",
        ),
        "shell",
    ),
    **dict.fromkeys(("ini", "cfg", "conf", "properties", "env", "dotenv", "hocon"), "text"),
    **dict.fromkeys(("", "text", "txt", "plain", "plaintext", "none", "output", "log", "config"), ""),
    "diff": "diff",
}
"""What follows the fence -> the reader; languages that are not here hold no configuration."""
