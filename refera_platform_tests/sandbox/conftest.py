"""One private stack for the whole room, and dump files of invented rows in mysqldump's own dress."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import boto3
import pymysql
import pytest
from botocore.config import Config

from refera_platform.sandbox import stack
from refera_platform.sandbox.business.sample_state import SampleSettings, prepare_sample
from refera_platform.sandbox.business.simulate import DayReport, simulate_days
from refera_platform.sandbox.stack_file import Account, StackAddress

REAL_DUMP = Path(__file__).parents[3] / "shared/data/classicmodels/mysqlsampledatabase.sql"

SCHEMA = {
    "customers": """
  `customerNumber` int(11) NOT NULL,
  `customerName` varchar(50) NOT NULL,
  `contactLastName` varchar(50) NOT NULL,
  `contactFirstName` varchar(50) NOT NULL,
  `phone` varchar(50) NOT NULL,
  `addressLine1` varchar(50) NOT NULL,
  `addressLine2` varchar(50) DEFAULT NULL,
  `city` varchar(50) NOT NULL,
  `state` varchar(50) DEFAULT NULL,
  `postalCode` varchar(15) DEFAULT NULL,
  `country` varchar(50) NOT NULL,
  `salesRepEmployeeNumber` int(11) DEFAULT NULL,
  `creditLimit` decimal(10,2) DEFAULT NULL,
  PRIMARY KEY (`customerNumber`),
  KEY `rep` (`salesRepEmployeeNumber`),
  CONSTRAINT `customers_ibfk_1` FOREIGN KEY (`salesRepEmployeeNumber`) REFERENCES `employees` (`employeeNumber`)
""",
    "employees": """
  `employeeNumber` int(11) NOT NULL,
  `lastName` varchar(50) NOT NULL,
  `firstName` varchar(50) NOT NULL,
  `extension` varchar(10) NOT NULL,
  `email` varchar(100) NOT NULL,
  `officeCode` varchar(10) NOT NULL,
  `reportsTo` int(11) DEFAULT NULL,
  `jobTitle` varchar(50) NOT NULL,
  PRIMARY KEY (`employeeNumber`),
  CONSTRAINT `employees_ibfk_1` FOREIGN KEY (`reportsTo`) REFERENCES `employees` (`employeeNumber`),
  CONSTRAINT `employees_ibfk_2` FOREIGN KEY (`officeCode`) REFERENCES `offices` (`officeCode`)
""",
    "offices": """
  `officeCode` varchar(10) NOT NULL,
  `city` varchar(50) NOT NULL,
  `phone` varchar(50) NOT NULL,
  `addressLine1` varchar(50) NOT NULL,
  `addressLine2` varchar(50) DEFAULT NULL,
  `state` varchar(50) DEFAULT NULL,
  `country` varchar(50) NOT NULL,
  `postalCode` varchar(15) NOT NULL,
  `territory` varchar(10) NOT NULL,
  PRIMARY KEY (`officeCode`)
""",
    "orderdetails": """
  `orderNumber` int(11) NOT NULL,
  `productCode` varchar(15) NOT NULL,
  `quantityOrdered` int(11) NOT NULL,
  `priceEach` decimal(10,2) NOT NULL,
  `orderLineNumber` smallint(6) NOT NULL,
  PRIMARY KEY (`orderNumber`,`productCode`),
  CONSTRAINT `orderdetails_ibfk_1` FOREIGN KEY (`orderNumber`) REFERENCES `orders` (`orderNumber`),
  CONSTRAINT `orderdetails_ibfk_2` FOREIGN KEY (`productCode`) REFERENCES `products` (`productCode`)
""",
    "orders": """
  `orderNumber` int(11) NOT NULL,
  `orderDate` date NOT NULL,
  `requiredDate` date NOT NULL,
  `shippedDate` date DEFAULT NULL,
  `status` varchar(15) NOT NULL,
  `comments` text,
  `customerNumber` int(11) NOT NULL,
  PRIMARY KEY (`orderNumber`),
  CONSTRAINT `orders_ibfk_1` FOREIGN KEY (`customerNumber`) REFERENCES `customers` (`customerNumber`)
""",
    "payments": """
  `customerNumber` int(11) NOT NULL,
  `checkNumber` varchar(50) NOT NULL,
  `paymentDate` date NOT NULL,
  `amount` decimal(10,2) NOT NULL,
  PRIMARY KEY (`customerNumber`,`checkNumber`),
  CONSTRAINT `payments_ibfk_1` FOREIGN KEY (`customerNumber`) REFERENCES `customers` (`customerNumber`)
""",
    "productlines": """
  `productLine` varchar(50) NOT NULL,
  `textDescription` varchar(4000) DEFAULT NULL,
  `htmlDescription` mediumtext,
  `image` mediumblob,
  PRIMARY KEY (`productLine`)
""",
    "products": """
  `productCode` varchar(15) NOT NULL,
  `productName` varchar(70) NOT NULL,
  `productLine` varchar(50) NOT NULL,
  `productScale` varchar(10) NOT NULL,
  `productVendor` varchar(50) NOT NULL,
  `productDescription` text NOT NULL,
  `quantityInStock` smallint(6) NOT NULL,
  `buyPrice` decimal(10,2) NOT NULL,
  `MSRP` decimal(10,2) NOT NULL,
  PRIMARY KEY (`productCode`),
  CONSTRAINT `products_ibfk_1` FOREIGN KEY (`productLine`) REFERENCES `productlines` (`productLine`)
""",
}
ROWS = {
    "customers": [
        r"(1,'Ateliê São João','Conceição','Íris ','11','Rua A, 1',NULL,'São Paulo','SP',NULL,'Brazil',20,'1000.50')",
        r"(2,'O\'Neill; & \\Sons','O\'Neill','\"Pat\"','2','B 2','L 3','Auckland  ',NULL,'10','New Zealand',NULL,NULL)",
    ],
    "employees": [
        "(10,'Silva','Ana','x1','ana@example.org','1',NULL,'VP')",
        "(20,'Souza','Bia','x2','bia@example.org','2',10,'Sales Rep')",
    ],
    "offices": [
        "('1','Recife','+55 81','Rua C',NULL,'PE','Brazil','50000','NA')",
        "('2','Lisboa','+351','Rua D','2º','','Portugal','1000','EMEA')",
    ],
    "orderdetails": ["(100,'P_1',3,'9.99',1)", "(100,'P_2',1,'0.10',2)", "(101,'P_1',7,'10.00',1)"],
    "orders": [
        r"(100,'2026-01-02','2026-01-09',NULL,'In Process','line one\r\nline two; -- not a comment',1)",
        "(101,'2026-01-03','2026-01-10','2026-01-05','Shipped',NULL,2)",
    ],
    "payments": ["(1,'HQ1','2026-01-04','30.07')"],
    "productlines": [r"('Barcos','Boats','<b>x</b>','\0\'\n\Zé')", "('Aviões',NULL,NULL,0xFF00C328FE)"],
    "products": [
        "('P_1','Barco','Barcos','1:10','Vento','a boat',5,'1.00','9.99')",
        "('P_2','Avião','Aviões','1:20','Vento','a plane',-1,'0.05','0.10')",
    ],
}
COUNTS = {table: len(rows) for table, rows in ROWS.items()}
HEAD = """-- MySQL dump 10.13  Distrib 5.7.44, for Linux (x86_64)
--
-- Host: localhost    Database: {database}
-- ------------------------------------------------------

/*!40101 SET @OLD_CHARACTER_SET_CLIENT=@@CHARACTER_SET_CLIENT */;
/*!40101 SET NAMES utf8 */;
/*!40103 SET @OLD_TIME_ZONE=@@TIME_ZONE */;
/*!40103 SET TIME_ZONE='+00:00' */;
/*!40014 SET @OLD_UNIQUE_CHECKS=@@UNIQUE_CHECKS, UNIQUE_CHECKS=0 */;
/*!40014 SET @OLD_FOREIGN_KEY_CHECKS=@@FOREIGN_KEY_CHECKS, FOREIGN_KEY_CHECKS=0 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
"""
FOOT = """/*!40103 SET TIME_ZONE=@OLD_TIME_ZONE */;

/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;
/*!40014 SET FOREIGN_KEY_CHECKS=@OLD_FOREIGN_KEY_CHECKS */;
/*!40014 SET UNIQUE_CHECKS=@OLD_UNIQUE_CHECKS */;
/*!40101 SET CHARACTER_SET_CLIENT=@OLD_CHARACTER_SET_CLIENT */;
/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;

-- Dump completed on 2026-01-05  3:00:00
"""


def dump_text(
    *,
    database: str = "classicmodels",
    use: bool = True,
    comments: bool = True,
    rows: bool = True,
    extra: str = "",
    options: str = "ENGINE=InnoDB DEFAULT CHARSET=latin1",
) -> str:
    """A dump of the eight tables, one row a line, as mysqldump writes it."""
    text = HEAD.format(database=database) if comments else ""
    if use:
        text += f"\nCREATE DATABASE /*!32312 IF NOT EXISTS*/ `{database}` /*!40100 DEFAULT CHARACTER SET latin1 */;\n"
        text += f"\nUSE `{database}`;\n"
    if not comments:
        text += "SET NAMES utf8, FOREIGN_KEY_CHECKS=0;\n"
    for table, columns in SCHEMA.items():
        text += f"\nDROP TABLE IF EXISTS `{table}`;\nCREATE TABLE `{table}` ({columns}) {options};\n"
        if rows:
            values = ",\n".join(ROWS[table])
            text += f"\nLOCK TABLES `{table}` WRITE;\nINSERT INTO `{table}` VALUES\n{values};\nUNLOCK TABLES;\n"
    return text + extra + (FOOT if comments else "")


def simulated(home: Path, **settings: Any) -> list[DayReport]:
    """Simulate days on a sample that is made when there is none."""
    requested = SampleSettings(**settings)
    list(prepare_sample(home, requested))
    return list(simulate_days(home, requested.days))


@dataclass(frozen=True)
class Private:
    """A private stack as a test sees it."""

    home: Path
    address: StackAddress

    def ask(self, sql: str, account: Account | None = None, **options: Any) -> list[tuple[Any, ...]]:
        who, database = account or self.address.mariadb.admin, self.address.mariadb
        with (
            closing(
                pymysql.connect(
                    host=database.host,
                    port=database.port,
                    user=who.user,
                    password=who.password,
                    database=database.database,
                    charset="utf8mb4",
                    autocommit=True,
                    **options,
                )
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(sql)
            return list(cursor.fetchall())

    @property
    def bucket(self) -> Any:
        store = self.address.s3
        return (
            boto3.session.Session()
            .resource(
                "s3",
                endpoint_url=store.endpoint,
                region_name=store.region,
                aws_access_key_id=store.access_key,
                aws_secret_access_key=store.secret_key,
                config=Config(s3={"addressing_style": "path"}, proxies={}),
            )
            .Bucket(store.bucket)
        )

    def rows(self) -> dict[str, int]:
        """Rows of each table of the local source."""
        tables = [name for (name,) in self.ask("show tables")]
        return {table: self.ask(f"select count(*) from `{table}`")[0][0] for table in tables}


def command_lines() -> str:
    """What every process of this machine says of itself to everybody."""
    lines = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                lines.append(os.fsdecode((entry / "cmdline").read_bytes().replace(b"\0", b" ")))
            except OSError:
                continue
    return "\n".join(lines)


@pytest.fixture(scope="session")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("stack") / "home"
    yield home
    stack.stop_stack(home, wipe=True)


@pytest.fixture
def private(stack_home: Path) -> Private:
    """The room's stack, up."""
    return Private(stack_home, stack.start_stack(stack_home))


@pytest.fixture
def dump(tmp_path: Path) -> Path:
    """A whole dump of invented rows."""
    path = tmp_path / "dump.sql"
    path.write_text(dump_text())
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("sample-server") / "home"
    stack.start_stack(folder)
    yield folder
    stack.stop_stack(folder, wipe=True)


@pytest.fixture(scope="session")
def new_home(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Homes on the one server, each with a database of its own that does not exist yet."""
    numbers = count()

    def make() -> Path:
        number = next(numbers)
        home = tmp_path_factory.mktemp(f"home{number}")
        said = json.loads((server / "stack.json").read_text())
        said["mariadb"]["database"] = f"classicmodels__{number}"
        (home / "stack.json").write_text(json.dumps(said))
        return home

    return make
