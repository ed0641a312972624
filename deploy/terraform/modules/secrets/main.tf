# Secrets without values: a person puts them in (README), so no state and no plan ever holds one.

resource "aws_secretsmanager_secret" "source" {
  #checkov:skip=CKV2_AWS_57:the password is the database's; whoever rotates it there writes it here, and the next call reads it
  name                    = "${var.name}/source"
  description             = "Address of the database that is read: mysql://user:password@host:3306/database?ssl_mode=verify_identity, or the fields that RDS writes"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret" "hash_key" {
  #checkov:skip=CKV2_AWS_57:a rotated key would give every hashed value a new hash, and no row would find its former versions
  count = var.has_hash_key ? 1 : 0

  name                    = "${var.name}/hash-key"
  description             = "At least 16 bytes that key the hashes of columns declared hashed"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}
