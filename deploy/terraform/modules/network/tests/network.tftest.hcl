mock_provider "aws" {
  mock_data "aws_vpc" {
    defaults = { cidr_block_associations = [{ association_id = "a", cidr_block = "10.0.0.0/16", state = "associated" }, { association_id = "b", cidr_block = "100.64.0.0/16", state = "associated" }] }
  }
  mock_data "aws_ec2_managed_prefix_list" {
    defaults = { id = "pl-s3" }
  }
}

variables {
  name                   = "refera"
  place                  = { region = "eu-central-1", account = "000000000000", partition = "aws" }
  vpc_id                 = "vpc-1"
  subnet_ids             = ["subnet-1", "subnet-2"]
  route_table_ids        = ["rtb-1"]
  endpoints              = ["secretsmanager", "glue"]
  has_nat                = false
  source_port            = 3307
  source_cidr_blocks     = ["10.0.3.0/24"]
  source_security_groups = { source = "sg-source" }
}

run "without_a_nat" {
  assert {
    condition = (
      aws_security_group_rule.source[0].security_group_id == aws_security_group.functions.id && aws_security_group_rule.source[0].type == "egress"
      && aws_security_group_rule.source[0].from_port == 3307 && aws_security_group_rule.source[0].to_port == 3307
      && aws_security_group_rule.source[0].cidr_blocks == tolist(["10.0.3.0/24"])
      && aws_security_group_rule.source_group["source"].source_security_group_id == "sg-source"
    )
    error_message = "The functions reach the source at its port."
  }

  assert {
    condition     = aws_security_group_rule.s3[0].prefix_list_ids == tolist([aws_vpc_endpoint.s3[0].prefix_list_id]) && toset(aws_vpc_endpoint.s3[0].route_table_ids) == toset(["rtb-1"]) && aws_vpc_endpoint.s3[0].service_name == "com.amazonaws.eu-central-1.s3"
    error_message = "S3 is reached by its gateway."
  }

  assert {
    condition = alltrue([
      for name, each in aws_vpc_endpoint.interface :
      each.service_name == "com.amazonaws.eu-central-1.${name}" && each.vpc_endpoint_type == "Interface" && each.private_dns_enabled
      && toset(each.security_group_ids) == toset([aws_security_group.endpoints[0].id]) && toset(each.subnet_ids) == toset(["subnet-1", "subnet-2"])
    ]) && length(aws_vpc_endpoint.interface) == 2
    error_message = "AWS is reached by interfaces in the subnets."
  }

  assert {
    condition = (
      aws_security_group_rule.endpoints_called[0].security_group_id == aws_security_group.endpoints[0].id && aws_security_group_rule.endpoints_called[0].type == "ingress"
      && aws_security_group_rule.endpoints_called[0].cidr_blocks == tolist(["10.0.0.0/16", "100.64.0.0/16"]) && aws_security_group_rule.endpoints_called[0].to_port == 443
    )
    error_message = "The interfaces are called by everyone in the VPC: its names for AWS lead there now."
  }

  assert {
    condition     = aws_security_group_rule.endpoints[0].source_security_group_id == aws_security_group.endpoints[0].id && length(aws_security_group_rule.internet) == 0
    error_message = "The functions reach the interfaces, and no internet."
  }

  assert {
    condition     = output.security_group_id == aws_security_group.functions.id
    error_message = "Who lets the functions in is told whom."
  }
}

run "with_a_nat" {
  variables {
    route_table_ids        = []
    endpoints              = []
    has_nat                = true
    source_cidr_blocks     = []
    source_security_groups = {}
  }

  assert {
    condition = (
      aws_security_group_rule.internet[0].to_port == 443 && length(aws_vpc_endpoint.s3) == 0 && length(aws_vpc_endpoint.interface) == 0
      && length(aws_security_group.endpoints) == 0 && length(aws_security_group_rule.endpoints_called) == 0 && length(aws_security_group_rule.source) == 0
    )
    error_message = "With a NAT gateway nothing else is needed, and only HTTPS goes out."
  }
}

run "with_ways_that_are_there" {
  variables {
    route_table_ids          = []
    endpoints                = []
    has_s3_gateway           = true
    endpoint_security_groups = { secretsmanager = "sg-endpoints" }
  }

  assert {
    condition = (
      aws_security_group_rule.s3[0].prefix_list_ids == tolist(["pl-s3"]) && length(aws_vpc_endpoint.s3) == 0 && length(aws_vpc_endpoint.interface) == 0
      && data.aws_ec2_managed_prefix_list.s3[0].name == "com.amazonaws.eu-central-1.s3"
      && aws_security_group_rule.endpoints_that_are_there["secretsmanager"].source_security_group_id == "sg-endpoints"
      && aws_security_group_rule.endpoints_that_are_there["secretsmanager"].security_group_id == aws_security_group.functions.id
      && aws_security_group_rule.endpoints_that_are_there["secretsmanager"].to_port == 443 && length(aws_security_group_rule.internet) == 0
    )
    error_message = "Ways to AWS that the network has are used, and none is made beside them."
  }
}
