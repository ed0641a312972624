# A bucket that nobody outside sees, that takes TLS only, and whose objects are encrypted with our key.

resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:who read or wrote an object is told by CloudTrail's data events, which are the account's to switch on
  #checkov:skip=CKV_AWS_144:a second region doubles the price of storage; versions guard against mistakes, S3 against losses
  #checkov:skip=CKV2_AWS_62:nothing here is started by an object
  bucket        = var.name
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_policy" "this" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "TlsOnly"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "Tls12OrNewer"
        Effect    = "Deny"
        Principal = "*"
        Action    = "s3:*"
        Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
        Condition = { NumericLessThan = { "s3:TlsVersion" = "1.2" } }
      },
    ]
  })

  # S3 refuses a policy while it still makes up its mind whether it is public
  depends_on = [aws_s3_bucket_public_access_block.this]
}
