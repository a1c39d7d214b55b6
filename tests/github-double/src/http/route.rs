//! Which function answers which request. Templates are written as in GitHub's description.

use super::call::Call;
use super::reply::Answer;
use crate::rest;
use crate::state::State;

/// A method on a path template, and what answers it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) template: &'static str,
    pub(crate) handler: Handler,
}

pub(crate) type Handler = fn(&mut State, &Call) -> Answer;

pub(crate) const fn get(template: &'static str, handler: Handler) -> Route {
    Route { method: "GET", template, handler }
}

pub(crate) const fn post(template: &'static str, handler: Handler) -> Route {
    Route { method: "POST", template, handler }
}

pub(crate) const fn patch(template: &'static str, handler: Handler) -> Route {
    Route { method: "PATCH", template, handler }
}

pub(crate) const fn put(template: &'static str, handler: Handler) -> Route {
    Route { method: "PUT", template, handler }
}

pub(crate) const fn delete(template: &'static str, handler: Handler) -> Route {
    Route { method: "DELETE", template, handler }
}

/// All routes of the REST API, by area.
pub(crate) fn all() -> impl Iterator<Item = &'static Route> {
    rest::ROUTES.iter().flat_map(|area| area.iter())
}

/// The route for a request, and its path parameters.
pub(crate) fn find(method: &str, path: &str) -> Option<(&'static Route, Vec<(String, String)>)> {
    all()
        .filter(|route| route.method == method)
        .filter_map(|route| Some((route, match_path(route.template, path)?)))
        // Fewer parameters are the more particular route: `/pulls/comments/{comment_id}`.
        .min_by_key(|(_, parameters)| parameters.len())
}

fn match_path(template: &str, path: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(parameters),
            (Some(wanted), Some(given)) => {
                let name = wanted.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
                match name {
                    Some(name) if !given.is_empty() => parameters.push((name.to_owned(), decoded(given))),
                    None if wanted == given => {}
                    _ => return None,
                }
            }
            _ => return None,
        }
    }
}

fn decoded(segment: &str) -> String {
    // In a path `+` is itself; the form decoder would make it a space.
    let plus = segment.replace('+', "%2B");
    url::form_urlencoded::parse(plus.as_bytes())
        .next()
        .map_or_else(String::new, |(text, _)| text.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_and_the_particular_route_wins() {
        let (route, parameters) = find("GET", "/repos/a/b%2Dc/pulls/comments/7").expect("a route");
        assert_eq!(route.template, "/repos/{owner}/{repo}/pulls/comments/{comment_id}");
        assert_eq!(parameters[1], ("repo".to_owned(), "b-c".to_owned()));
    }

    #[test]
    fn every_route_is_one_of_githubs() {
        for route in all() {
            let known = crate::schema::operation(route.method, route.template);
            assert!(known.is_some(), "GitHub has no {} {}", route.method, route.template);
        }
    }
}
