"""What looks like a secret, and what only mentions one. Put together here, so that no scanner finds any."""

import pytest

from memory.secret_rules import find_secret

RANDOM = "q7Xz2Lm9Vb4Nc8Ws1Kd6Tf3Ry5"


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN OPENSSH " + "PRIVATE KEY-----\nb3BlbnNzaC1rZXk=",
        "-----BEGIN " + "PRIVATE KEY-----",
        "deploys with AKIA" + "IOSFODNN7EXAMPLE",
        "ghp_" + "a1B2" * 9,
        "github_pat_" + "a1B2" * 8,
        "glpat-" + RANDOM,
        "xoxb-" + "123456789012-" + RANDOM,
        "sk-ant-" + RANDOM,
        "sk-proj-" + RANDOM,
        "hf_" + "a1B2c3" * 6,
        "AIza" + "SyA1b2C3d4E5f6G7h8I9j0K1l2M3n4O5p6Q"[:35],
        "eyJhbGciOiJI" + "." + "eyJzdWIiOiIx" + "." + "SflKxwRJSMeK",
        "postgres://app:" + "hunter2hunter2@db.example.org/app",
        f"the api_key = '{RANDOM}'",
        f"AWS_SECRET_ACCESS_KEY: {RANDOM}/a",
        f"password is {RANDOM}",
        f"the pwd={RANDOM}",
        f"the passphrase is {RANDOM}",
        f"the API key {RANDOM}",
        f"the token for staging is {RANDOM}",
        "the API token for staging is 9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
        f"the header Authorization: Bearer {RANDOM}",
        "---- BEGIN SSH2 ENCRYPTED " + "PRIVATE KEY ----",
        "ya29." + RANDOM,
        "dop_v1_" + "a1b2c3d4" * 8,
        "shpat_" + "a1b2c3d4" * 4,
    ],
)
def test_a_secret_is_seen(text: str) -> None:
    assert find_secret(f"To deploy, note that {text} is needed.")


@pytest.mark.parametrize(
    "text",
    [
        "The token is read from SLEEPWRIGHT_API_KEY.",
        "password = config.database.password",
        "tokens: int = max_tokens_per_request",
        "`secret_key = os.environ['SECRET_KEY']` in settings.py",
        "Blob 8ab686eafeb1f44702738c8b0f24f2567c36da6d holds the old parser.",
        "See https://example.org/docs@v2 and git@example.org:team/app.git",
        "postgres://app:${PASSWORD}@db.example.org/app",
        "postgres://user:password@localhost/app",
        "The task-runner sk-ipped the slow tests.",
        "access_key = create_access_key_for_user(user)",
        "The token parse_expression_list_v2 and the token parseExpressionList2(tokens) are the same.",
        "A bearer token; Bearer authentication is off.",
        "The secrets of 8ab686eafeb1f44702738c8b0f24f2567c36da6d are gone.",
    ],
)
def test_a_mention_is_no_secret(text: str) -> None:
    assert find_secret(text) is None


@pytest.mark.timeout(20)
def test_data_takes_no_time() -> None:
    assert find_secret("a." * 100_000) is None
