//! Aliases: names that lead to one version, or to two by weight.

use serde_json::{Value, json};

use super::machines::machine_of;
use super::paging::{Page, with_token};
use super::params::{Params, constraint, date};
use crate::catalog::{Alias, Machine};
use crate::engine::Engine;
use crate::engine::core::Core;
use crate::error::ApiError;

/// A routing as a request has it: version ARNs and weights.
type Routing = Vec<(String, f64)>;

pub(super) async fn create(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let name = params.required("name")?.to_owned();
    check_name(&name)?;
    let description = params.bounded("description", 256)?.map(ToOwned::to_owned);
    let routing = routing(params)?
        .ok_or_else(|| constraint("null", "routingConfiguration", "Member must not be null"))?;
    let (machine, routes) = routes(&routing)?;
    engine
        .write(move |core| {
            let now = core.now();
            let found = machine_with(core, &machine, &routing, &routes)?;
            let arn = format!("{}:{name}", found.arn);
            if let Some(known) = found.aliases.get(&name) {
                if known.routes != routes || known.description != description {
                    return Err(ApiError::new(
                        "ConflictException",
                        "Failed to create alias because an alias with the same name and a different routing \
                         configuration already exists.",
                    ));
                }
                return Ok(json!({"stateMachineAliasArn": arn, "creationDate": date(known.created)}));
            }
            let alias = Alias { description, routes, created: now, updated: now };
            found.aliases.insert(name, alias);
            core.keep_machine(&machine);
            Ok(json!({"stateMachineAliasArn": arn, "creationDate": date(now)}))
        })
        .await
}

pub(super) async fn update(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let (arn, machine, name) = alias_of(params)?;
    let description = params.bounded("description", 256)?.map(ToOwned::to_owned);
    let routing = routing(params)?;
    if description.is_none() && routing.is_none() {
        return Err(ApiError::validation(
            "Either the description or the routing configuration must be specified",
        ));
    }
    let routes = routing.as_ref().map(routes).transpose()?;
    engine
        .write(move |core| {
            let now = core.now();
            if let (Some(routing), Some((_, routes))) = (&routing, &routes) {
                machine_with(core, &machine, routing, routes)?;
            }
            let found = core
                .catalog
                .machines
                .get_mut(&machine)
                .and_then(|machine| machine.aliases.get_mut(&name))
                .ok_or_else(|| ApiError::no_resource(&arn))?;
            if let Some(description) = description {
                found.description = Some(description);
            }
            if let Some((_, routes)) = routes {
                found.routes = routes;
            }
            found.updated = now;
            core.keep_machine(&machine);
            Ok(json!({"updateDate": date(now)}))
        })
        .await
}

pub(super) async fn delete(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let (arn, machine, name) = alias_of(params)?;
    engine
        .write(move |core| {
            let removed =
                core.catalog.machines.get_mut(&machine).and_then(|machine| machine.aliases.remove(&name));
            removed.ok_or_else(|| ApiError::no_resource(&arn))?;
            core.keep_machine(&machine);
            Ok(json!({}))
        })
        .await
}

pub(super) async fn describe(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let (arn, machine, name) = alias_of(params)?;
    engine
        .ask(move |core| {
            let machine = core.catalog.machines.get(&machine).ok_or_else(|| ApiError::no_resource(&arn))?;
            let alias = machine.aliases.get(&name).ok_or_else(|| ApiError::no_resource(&arn))?;
            let routing: Vec<Value> = alias
                .routes
                .iter()
                .map(|(number, weight)| {
                    json!({"stateMachineVersionArn": format!("{}:{number}", machine.arn), "weight": weight})
                })
                .collect();
            let mut answer = json!({
                "stateMachineAliasArn": arn,
                "name": name,
                "routingConfiguration": routing,
                "creationDate": date(alias.created),
                "updateDate": date(alias.updated),
            });
            if let (Some(members), Some(description)) = (answer.as_object_mut(), &alias.description) {
                members.insert("description".into(), description.as_str().into());
            }
            Ok(answer)
        })
        .await
}

pub(super) async fn list(engine: &Engine, params: Params<'_>) -> Result<Value, ApiError> {
    let arn = params.required("stateMachineArn")?.to_owned();
    let (name, qualifier) = machine_of(&arn)?;
    let version: Option<u64> = qualifier.and_then(|qualifier| qualifier.parse().ok());
    let page = Page::read(params)?;
    engine
        .ask(move |core| {
            let machine = core.catalog.machines.get(&name).ok_or_else(|| ApiError::no_machine(&arn))?;
            let routed = machine.aliases.iter().filter(|(_, alias)| {
                version.is_none_or(|version| alias.routes.iter().any(|(number, _)| *number == version))
            });
            let (aliases, token) = page.cut(routed, |(name, _)| (*name).clone());
            let aliases: Vec<Value> = aliases
                .into_iter()
                .map(|(name, alias)| {
                    json!({
                        "stateMachineAliasArn": format!("{}:{name}", machine.arn),
                        "creationDate": date(alias.created),
                    })
                })
                .collect();
            Ok(with_token(json!({"stateMachineAliases": aliases}), token))
        })
        .await
}

fn alias_of(params: Params<'_>) -> Result<(String, String, String), ApiError> {
    let arn = params.required("stateMachineAliasArn")?;
    match machine_of(arn)? {
        (machine, Some(alias)) if alias.parse::<u64>().is_err() => Ok((arn.to_owned(), machine, alias)),
        _ => Err(ApiError::invalid_arn(&format!("Resource type not valid in this context: {arn}"))),
    }
}

fn check_name(name: &str) -> Result<(), ApiError> {
    let allowed = |character: char| character.is_ascii_alphanumeric() || "_-.".contains(character);
    let telling = |character: char| character.is_ascii_alphabetic() || "_-.".contains(character);
    if name.chars().count() > 80 {
        return Err(constraint(
            &format!("'{name}'"),
            "name",
            "Member must have length less than or equal to 80",
        ));
    }
    if !name.chars().all(allowed) || !name.chars().any(telling) {
        return Err(constraint(
            &format!("'{name}'"),
            "name",
            r"Member must satisfy regular expression pattern: ^(?=.*[a-zA-Z_\-\.])[a-zA-Z0-9_\-\.]+$",
        ));
    }
    Ok(())
}

fn routing(params: Params<'_>) -> Result<Option<Routing>, ApiError> {
    let Some(items) = params.list("routingConfiguration")? else { return Ok(None) };
    let routing = items
        .iter()
        .map(|item| {
            let item = Params::new(item)?;
            let weight = item.number("weight")?.unwrap_or(0.0);
            Ok((item.required("stateMachineVersionArn")?.to_owned(), weight))
        })
        .collect::<Result<Routing, ApiError>>()?;
    if routing.len() > 2 {
        let shown: Vec<String> = routing
            .iter()
            .map(|(arn, weight)| {
                format!("RoutingConfigurationListItem(stateMachineVersionArn={arn}, weight={weight})")
            })
            .collect();
        return Err(constraint(
            &format!("'[{}]'", shown.join(", ")),
            "routingConfiguration",
            "Member must have length less than or equal to 2",
        ));
    }
    if routing.is_empty() {
        return Err(constraint(
            "'[]'",
            "routingConfiguration",
            "Member must have length greater than or equal to 1",
        ));
    }
    Ok(Some(routing))
}

/// The machine and its versions' numbers that a routing leads to, if it makes sense.
#[allow(clippy::ptr_arg)] // It is passed to `Option::map`.
fn routes(routing: &Routing) -> Result<(String, Vec<(u64, u32)>), ApiError> {
    let arns: Vec<&str> = routing.iter().map(|(arn, _)| arn.as_str()).collect();
    let received = format!("Received: [{}]", arns.join(", "));
    let mut machine = None;
    let mut routes = Vec::new();
    for (arn, weight) in routing {
        let (name, qualifier) = machine_of(arn)?;
        let Some(number) = qualifier.and_then(|qualifier| qualifier.parse::<u64>().ok()) else {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain state machine version ARNs. {received}"
            )));
        };
        if machine.get_or_insert_with(|| name.clone()) != &name {
            return Err(ApiError::validation(format!(
                "Routing configuration must contain versions of the same state machine. {received}"
            )));
        }
        if *weight < 0.0 || *weight > 100.0 {
            let bound =
                if *weight < 0.0 { "greater than or equal to 0" } else { "less than or equal to 100" };
            return Err(constraint(
                &format!("'{weight}'"),
                &format!("routingConfiguration.{}.member.weight", routes.len() + 1),
                &format!("Member must have value {bound}"),
            ));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Bounded just above.
        routes.push((number, *weight as u32));
    }
    if let [(first, _), (second, _)] = routes[..]
        && first == second
    {
        return Err(ApiError::validation(format!(
            "Routing configuration must contain distinct state machine version ARNs. {received}"
        )));
    }
    if routes.iter().map(|(_, weight)| weight).sum::<u32>() != 100 {
        let weights: Vec<String> = routes.iter().map(|(_, weight)| weight.to_string()).collect();
        return Err(ApiError::validation(format!(
            "Sum of routing configuration weights must equal 100. Received: [{}]",
            weights.join(", ")
        )));
    }
    Ok((machine.unwrap_or_default(), routes))
}

/// The machine, which must have all of these versions.
fn machine_with<'c>(
    core: &'c mut Core,
    name: &str,
    routing: &Routing,
    routes: &[(u64, u32)],
) -> Result<&'c mut Machine, ApiError> {
    let first = routing.first().map_or("", |(arn, _)| arn.as_str());
    let machine = core.catalog.machines.get_mut(name).ok_or_else(|| ApiError::no_resource(first))?;
    for ((number, _), (arn, _)) in routes.iter().zip(routing) {
        if !machine.versions.contains_key(number) {
            return Err(ApiError::no_resource(arn));
        }
    }
    Ok(machine)
}
