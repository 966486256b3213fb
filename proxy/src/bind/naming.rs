//! Names of result columns that have no alias (`FigureColname`).

use sqlparser::ast::{self, DataType};

use super::binder::fold;

/// The name PostgreSQL gives a column of that expression.
pub(super) fn column_name(expr: &ast::Expr) -> String {
    figure(expr).map_or_else(|| "?column?".to_owned(), |(name, _)| name)
}

/// A name with its strength: a cast's type name gives way to a stronger one inside.
fn figure(expr: &ast::Expr) -> Option<(String, u8)> {
    use ast::Expr::*;
    let strong = |name: &str| Some((name.to_owned(), 2));
    match expr {
        Identifier(ident) => Some((fold(ident), 2)),
        CompoundIdentifier(parts) => parts.last().map(|ident| (fold(ident), 2)),
        CompoundFieldAccess { root, access_chain } => {
            let field = access_chain.iter().rev().find_map(|access| match access {
                ast::AccessExpr::Dot(Identifier(ident)) => Some((fold(ident), 2)),
                _ => None,
            });
            field.or_else(|| figure(root))
        }
        Function(function) => {
            let name = match function.name.0.last() {
                Some(ast::ObjectNamePart::Identifier(ident)) => fold(ident),
                _ => return None,
            };
            Some((if name == "user" { "user".to_owned() } else { name }, 2))
        }
        Nested(inner) => figure(inner),
        Collate { expr, .. } => figure(expr),
        Cast { expr, data_type, .. } => match figure(expr) {
            Some((name, 2)) => Some((name, 2)),
            _ => Some((type_label(data_type), 1)),
        },
        TypedString(typed) => Some((type_label(&typed.data_type), 1)),
        Interval(_) => Some(("interval".to_owned(), 1)),
        Case { else_result, .. } => match else_result.as_ref().and_then(|e| figure(e)) {
            Some((name, 2)) => Some((name, 2)),
            _ => Some(("case".to_owned(), 1)),
        },
        Exists { negated: false, .. } => strong("exists"),
        Subquery(query) => subquery_name(&query.body),
        Array(_) => strong("array"),
        Tuple(_) => strong("row"),
        Extract { .. } => strong("extract"),
        Position { .. } => strong("position"),
        Substring { shorthand: true, .. } => strong("substr"),
        Substring { .. } => strong("substring"),
        Overlay { .. } => strong("overlay"),
        Ceil { .. } => strong("ceil"),
        Floor { .. } => strong("floor"),
        AtTimeZone { .. } => strong("timezone"),
        BinaryOp { op: ast::BinaryOperator::Overlaps, .. } => strong("overlaps"),
        IsNormalized { .. } => strong("is_normalized"),
        Trim { trim_where, .. } => strong(match trim_where {
            Some(ast::TrimWhereField::Leading) => "ltrim",
            Some(ast::TrimWhereField::Trailing) => "rtrim",
            _ => "btrim",
        }),
        _ => None,
    }
}

fn subquery_name(body: &ast::SetExpr) -> Option<(String, u8)> {
    match body {
        ast::SetExpr::Select(select) => match select.projection.first()? {
            ast::SelectItem::UnnamedExpr(expr) => figure(expr),
            ast::SelectItem::ExprWithAlias { alias, .. } => Some((fold(alias), 2)),
            _ => None,
        },
        ast::SetExpr::Query(query) => subquery_name(&query.body),
        ast::SetExpr::Values(_) => Some(("column1".to_owned(), 2)),
        _ => None,
    }
}

/// The last part of a type's name as a cast names its column: `int4`, `varchar`, `numeric`.
fn type_label(data_type: &DataType) -> String {
    if let DataType::Array(ast::ArrayElemTypeDef::SquareBracket(inner, _)) = data_type {
        return type_label(inner);
    }
    let text = data_type.to_string();
    let found = crate::catalog::type_name::built_in_type(&text).and_then(|ty| crate::catalog::built_in::types().by_oid.get(&ty.oid));
    match found {
        Some(ty) => ty.name.clone(),
        None => {
            let last = text.rsplit('.').next().unwrap_or(&text);
            let last = last.split('(').next().unwrap_or(last);
            if last.starts_with('"') { last.trim_matches('"').to_owned() } else { last.to_lowercase() }
        }
    }
}
