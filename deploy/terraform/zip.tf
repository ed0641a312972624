# The function that reads the source as a zip: larger than a direct upload may be, so it travels through the bucket.

locals {
  extract_zip = one([for each in aws_s3_object.extract : { bucket = each.bucket, key = each.key, version = each.version_id }])
}

resource "aws_s3_object" "extract" {
  count = var.extract.zip == null ? 0 : 1

  bucket      = module.bucket["artifacts"].name
  key         = "extract/${filesha256(var.extract.zip)}.zip"
  source      = var.extract.zip
  source_hash = filesha256(var.extract.zip)

  # versioned and encrypted by then
  depends_on = [module.bucket]
}
