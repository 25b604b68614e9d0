"""A secret in a configuration.

A token in a file goes to everybody who gets the file, and stays in the history after it is deleted. Read it from the
environment, or log in once with the tool's own command. A token that was published must be revoked.
"""

from collections.abc import Iterator

from recipe_kb.i18n import _
from recipe_kb.lint.finding import Found, Severity
from recipe_kb.lint.subject import Subject
from recipe_kb.masking import is_token, named_secret

VI = """Có bí mật nằm trong cấu hình.

Token ghi trong file sẽ đến tay bất kỳ ai nhận file đó, và vẫn còn trong lịch sử sau khi xoá. Hãy đọc nó từ biến môi
trường, hoặc đăng nhập một lần bằng lệnh của chính công cụ. Token đã lộ thì phải thu hồi.
"""
CODE = "KB527"
SEVERITY: Severity = "error"
SOURCES: tuple[str, ...] = ()
GOOD = (
    "learning_rate: 3e-5\nhub_token: ${HF_TOKEN}",
    "learning_rate: 3e-5\napi_key: your-key-here-0123456789",
    "learning_rate: 3e-5\neos_token: <|endoftext|>",
    "num_tokens: 1234567890123456789",
    "learning_rate: 3e-5\ntokenizer: bert-base-uncased-12345678",
)
BAD = (
    "learning_rate: 3e-5\nhub_token: hf_" + "a1B2" * 8,
    "learning_rate: 3e-5\nwandb_api_key: " + "0123456789abcdef" * 2,
    "# token ghp_" + "a1B2" * 9 + "\nlearning_rate: 3e-5",
    '# os.environ["WANDB_API_KEY"] = "' + "0123456789abcdef" * 2 + '"\nlearning_rate: 3e-5',
)


def check(subject: Subject) -> Iterator[Found]:
    """Look through the whole file, once, for the shapes of tokens and for telling names; no secret is printed."""
    if subject.others:
        return
    for number, line in enumerate(subject.lines, start=1):
        if is_token(line):
            yield Found(message=_("This line holds what looks like an access token."), line=number)
            continue
        name = named_secret(line)
        if name:
            yield Found(message=_("{name} holds a value that should not be in a file.").format(name=name), line=number)
