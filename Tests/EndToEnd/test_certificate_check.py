"""What `gateway check` says of certificates: the file and the reason, in words."""

import os

import pytest

from support.gateway import run_command
from support.pki import PKI


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    return PKI(tmp_path_factory.mktemp("pki"))


def check(tmp_path, pki, chain, key, hosts="shop.example"):
    (tmp_path / "gateway.conf").write_text(f"""
site {hosts} {{
    listen 127.0.0.1:8443 tls
    certificate {chain} {key}
    respond 200 "x"
}}
""")
    done = run_command(
        "check", "--config", "gateway.conf", cwd=tmp_path,
        # The machine's authorities, for this test: the root alone.
        environment={**os.environ, "SSL_CERT_FILE": str(pki.root.path), "SSL_CERT_DIR": "/none"})
    return done.returncode, done.stdout, done.stderr


def test_a_good_chain_has_its_days_printed_and_nothing_else(tmp_path, pki):
    leaf = pki.leaf("shop.example", days=90.5)
    status, output, errors = check(
        tmp_path, pki, pki.chain(leaf, pki.intermediate), leaf.key_path)
    assert (status, errors) == (0, "")
    assert "CN=shop.example, 90 days left (until " in output
    assert "gateway.conf: good\n" in output


def test_a_root_at_the_end_changes_nothing(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    chain = pki.chain(leaf, pki.intermediate, pki.root)
    assert check(tmp_path, pki, chain, leaf.key_path)[2] == ""


def warning(tmp_path, pki, chain, key, **options):
    """The one warning, and the file it names; the gateway would start."""
    status, _, errors = check(tmp_path, pki, chain, key, **options)
    assert status == 0
    assert errors.count("warning:") == 1, errors
    assert f"gateway.conf:4:5: warning: certificate '{chain}' " in errors
    return errors


def test_expired(tmp_path, pki):
    leaf = pki.leaf("shop.example", starts=-30, days=-3.5)
    chain = pki.chain(leaf, pki.intermediate)
    assert "expired 3 days ago: clients refuse it" in warning(tmp_path, pki, chain, leaf.key_path)
    assert "CN=shop.example, expired (until " in check(tmp_path, pki, chain, leaf.key_path)[1]


def test_not_valid_yet(tmp_path, pki):
    leaf = pki.leaf("shop.example", starts=1.99, days=90.5)
    text = warning(tmp_path, pki, pki.chain(leaf, pki.intermediate), leaf.key_path)
    assert "is not valid yet, for another 48 hours" in text


def test_soon_over(tmp_path, pki):
    leaf = pki.leaf("shop.example", days=5.5)
    text = warning(tmp_path, pki, pki.chain(leaf, pki.intermediate), leaf.key_path)
    assert "ends in 5 days: renew it" in text


def test_without_its_intermediate(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    text = warning(tmp_path, pki, pki.chain(leaf), leaf.key_path)
    assert "lacks its intermediate: 'CN=Test Intermediate' is neither in the file nor" in text


def test_with_the_root_of_a_house(tmp_path, pki):
    """Whether what is missing is an intermediate or a root that clients have cannot be seen."""
    own = pki.make("House Root", None, "authority")
    middle = pki.make("House Intermediate", own, "authority")
    leaf = pki.leaf("shop.example", issuer=middle)
    text = warning(tmp_path, pki, pki.chain(leaf, middle), leaf.key_path)
    assert "has no known end: 'CN=House Root' is neither in the file nor" in text
    assert "unless it is a root of your own that clients trust" in text
    text = warning(tmp_path, pki, pki.chain(leaf, middle, own), leaf.key_path)
    assert "only clients that are told to trust it do" in text


def test_out_of_order(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    chain = pki.chain(leaf, pki.root, pki.intermediate)
    text = warning(tmp_path, pki, chain, leaf.key_path)
    assert "is out of order: certificate 3 issued certificate 1 ('CN=shop.example')" in text


def test_the_chain_of_somebody_else(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    other = pki.leaf("other.example")
    text = warning(tmp_path, pki, pki.chain(leaf, other), leaf.key_path)
    assert "has a gap: certificate 2 did not issue certificate 1" in text


def test_an_expired_intermediate(tmp_path, pki):
    old = pki.make("Old Intermediate", pki.root, "authority", starts=-90, days=-1.5)
    leaf = pki.leaf("shop.example", issuer=old)
    text = warning(tmp_path, pki, pki.chain(leaf, old), leaf.key_path)
    assert "holds 'CN=Old Intermediate', which expired 1 day ago" in text


def test_signed_by_itself(tmp_path, pki):
    own = pki.make("Somebody", None, "authority")
    assert "is signed by itself: only clients that are told to trust it do" in warning(
        tmp_path, pki, own.path, own.key_path, hosts="*")


def test_names_that_it_does_not_cover(tmp_path, pki):
    leaf = pki.leaf("shop.example", "DNS:shop.example", "DNS:*.shop.example", "IP:127.0.0.1")
    chain = pki.chain(leaf, pki.intermediate)
    covered = "shop.example www.shop.example *.shop.example 127.0.0.1"
    assert check(tmp_path, pki, chain, leaf.key_path, hosts=covered)[2] == ""
    text = warning(tmp_path, pki, chain, leaf.key_path, hosts=f"{covered} a.b.shop.example [::1]")
    assert "does not cover 'a.b.shop.example', '[::1]': clients refuse it there" in text


def error(tmp_path, pki, chain, key):
    """The one error: the gateway would not start."""
    status, output, errors = check(tmp_path, pki, chain, key)
    assert status == 1
    assert "good" not in output
    assert "gateway.conf:4:5: error: certificate: " in errors
    return errors


def test_a_key_of_somebody_else(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    text = error(tmp_path, pki, leaf.path, pki.leaf("other.example").key_path)
    assert "does not fit the certificate in " in text
    assert str(leaf.path) in text


def test_files_that_are_no_certificate_or_not_there(tmp_path, pki):
    leaf = pki.leaf("shop.example")
    assert "holds no certificate" in error(tmp_path, pki, leaf.key_path, leaf.key_path)
    assert "holds no private key" in error(tmp_path, pki, leaf.path, leaf.path)
    absent = tmp_path / "absent.pem"
    assert f"'{absent}' cannot be read: No such file" in error(
        tmp_path, pki, absent, leaf.key_path)


def test_all_problems_of_a_certificate_in_one_go(tmp_path, pki):
    leaf = pki.leaf("shop.example", starts=-30, days=-3.5)
    status, _, errors = check(tmp_path, pki, pki.chain(leaf), leaf.key_path, hosts="a.example")
    assert status == 0
    assert errors.count("gateway.conf:4:5: warning: certificate ") == 3
