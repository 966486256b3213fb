//! Who is a member of whom, directly or by way of others (`acl.c`, `roles_is_member_of`).

use super::State;

impl State {
    /// The roles whose privileges a role has without saying so: itself, and those it is a member of as long as each on the way inherits.
    pub fn privileges_of(&self, role: &str) -> Vec<String> {
        self.closure(role, |state, name| state.roles.get(name).is_none_or(|role| role.inherit))
    }

    /// The roles that a role may become: itself, and those it is a member of.
    pub fn memberships_of(&self, role: &str) -> Vec<String> {
        self.closure(role, |_, _| true)
    }

    fn closure(&self, role: &str, passes: impl Fn(&State, &str) -> bool) -> Vec<String> {
        let mut found = vec![role.to_owned()];
        let mut at = 0;
        while at < found.len() {
            let name = found[at].clone();
            at += 1;
            if !passes(self, &name) {
                continue;
            }
            let next = self.memberships.iter().filter(|membership| membership.member == name).map(|membership| &membership.role);
            for role in next {
                if !found.contains(role) {
                    found.push(role.clone());
                }
            }
        }
        found
    }

    /// Whether a role may hand out membership in another one.
    pub fn is_admin_of(&self, role: &str, of: &str) -> bool {
        let reach = self.memberships_of(role);
        self.memberships.iter().any(|membership| membership.role == of && membership.admin && reach.contains(&membership.member))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Membership, Role, State};

    #[test]
    fn privileges_pass_only_through_roles_that_inherit() {
        let mut state = State::default();
        for (name, inherit) in [("a", true), ("b", false), ("c", true)] {
            state.roles.insert(name.to_owned(), Role { inherit, ..Role::new(name) });
        }
        let member = |role: &str, member: &str| Membership { role: role.into(), member: member.into(), grantor: "postgres".into(), admin: false };
        state.memberships = vec![member("b", "a"), member("c", "b")];
        assert_eq!(state.privileges_of("a"), ["a", "b"]);
        assert_eq!(state.memberships_of("a"), ["a", "b", "c"]);
    }
}
