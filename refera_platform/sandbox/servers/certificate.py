"""Self-signed certificate of a local server: for server, client and authority at once; nobody else has its key.

make_certificate() ──▶ OwnCertificate (PEM texts), written by the module that runs the server
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

VALIDITY = timedelta(days=3650)
"""A new one is made at each start. Ten years, so that it never expires while a server runs."""


@dataclass(frozen=True, kw_only=True)
class OwnCertificate:
    """A self-signed certificate and its key."""

    certificate: str
    key: str = field(repr=False)


def make_certificate(name: str, address: str) -> OwnCertificate:
    """Make a new certificate with a new key; takes some milliseconds.

    Args:
        name: Common name of its owner.
        address: The IP address at which the server answers.
    """
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    owner = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    usage = x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    signed = (
        x509.CertificateBuilder()
        .subject_name(owner)
        .issuer_name(owner)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + VALIDITY)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return OwnCertificate(certificate=signed.public_bytes(serialization.Encoding.PEM).decode(), key=secret.decode())
