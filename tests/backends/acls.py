"""Rights at a real Kafka: given, and taken."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

from streamer.producing.acls import Acl

_NAMES = {"DescribeConfigs": "DESCRIBE_CONFIGS", "IdempotentWrite": "IDEMPOTENT_WRITE"}


def grant(bootstrap: str, acls: Iterable[Acl], user: str | None = None) -> None:
    """Gives these rights to a user; None: of each to the one that is named as its process."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        done = admin.create_acls([each for acl in acls for each in _each(acl, user)])
        assert not done["failed"], done
    finally:
        admin.close()


def revoke(bootstrap: str, acls: Iterable[Acl], user: str | None = None) -> None:
    """Takes them."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    try:
        for each in (each for acl in acls for each in _each(acl, user)):
            admin.delete_acls(
                [ACLFilter(each.principal, each.host, each.operation, each.permission_type, each.resource_pattern)]
            )
    finally:
        admin.close()


def _each(acl: Acl, user: str | None) -> Iterator[ACL]:
    kind = ACLResourcePatternType.PREFIXED if acl.prefixed else ACLResourcePatternType.LITERAL
    resource = ResourceType[acl.resource.replace("-", "_").upper()]
    for operation in acl.operations:
        yield ACL(
            principal=f"User:{user or acl.process}",
            host="*",
            operation=ACLOperation[_NAMES.get(operation, operation.upper())],
            permission_type=ACLPermissionType.ALLOW,
            resource_pattern=ResourcePattern(resource, acl.name, kind),
        )
