"""Declared business questions that the warehouse answers, and the published tables with the answers."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class AnswerTable:
    """One table that answers a question."""

    model: str
    order_by: str
    """DuckDB ``order by`` for people to read."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """One business question."""

    number: int
    english: str
    portuguese: str
    answers: tuple[AnswerTable, ...]


QUESTIONS = (
    Question(
        number=1,
        english="Total sales by product, product line and order date",
        portuguese="Vendas totais por produto, linha de produto e data do pedido",
        answers=(
            AnswerTable(model="ans_sales_by_product", order_by="sales_amount desc"),
            AnswerTable(model="ans_sales_by_product_line", order_by="sales_amount desc"),
            AnswerTable(model="ans_sales_by_order_date", order_by="order_date desc"),
            AnswerTable(model="ans_sales_by_month", order_by="order_year desc, order_month desc"),
            AnswerTable(
                model="ans_sales_by_product_and_month",
                order_by="order_year desc, order_month desc, sales_amount desc",
            ),
            AnswerTable(
                model="ans_sales_by_product_line_and_month",
                order_by="order_year desc, order_month desc, sales_amount desc",
            ),
        ),
    ),
    Question(
        number=2,
        english="Sales per salesperson",
        portuguese="Vendas por vendedor",
        answers=(
            AnswerTable(model="ans_sales_by_person", order_by="sales_amount desc"),
            AnswerTable(model="ans_sales_by_salesperson", order_by="sales_amount desc"),
        ),
    ),
    Question(
        number=3,
        english="Average payment of each customer by date",
        portuguese="Pagamento médio de cada cliente por data",
        answers=(
            AnswerTable(
                model="ans_average_payment_by_customer_and_date", order_by="payment_date desc, total_amount desc"
            ),
        ),
    ),
    Question(
        number=4,
        english="Sales per customer and per order status",
        portuguese="Vendas por cliente e por situação do pedido",
        answers=(AnswerTable(model="ans_sales_by_customer_and_status", order_by="sales_amount desc"),),
    ),
    Question(
        number=5,
        english="Time to ship an order",
        portuguese="Tempo até o envio de um pedido",
        answers=(AnswerTable(model="ans_time_to_ship", order_by="order_date desc, order_number desc"),),
    ),
    Question(
        number=6,
        english="Number of sales per manager, customer city and office city",
        portuguese="Número de vendas por gerente, cidade do cliente e cidade do escritório",
        answers=(AnswerTable(model="ans_sales_by_manager_and_cities", order_by="orders desc, sales_amount desc"),),
    ),
    Question(
        number=7,
        english="Quantity in stock per product and month",
        portuguese="Quantidade em estoque por produto e mês",
        answers=(
            AnswerTable(
                model="ans_stock_by_product_and_month",
                order_by="stock_year desc, stock_month desc, product_code",
            ),
        ),
    ),
)
